//! `uptick demo`: an invented history, to look around in.

use std::time::{SystemTime, UNIX_EPOCH};

use collector::error::{EXIT_OK, Error};
use collector::store::Store;
use dashboard::demo::{self, Size};
use serde_json::json;

use crate::args::{Args, Demo};
use crate::print;

pub(crate) fn run(args: &Args, a: &Demo) -> anyhow::Result<u8> {
    if args.data.is_some() && args.store.is_none() {
        let why = "demo fills one store and no server's directory: --store names it";
        return Err(Error::Usage(why.into()).into());
    }
    let path = args
        .store
        .clone()
        .unwrap_or_else(|| args.dir.join("uptick-demo.db"));
    let mut store = Store::open(&path)?;
    if store.counts()?.0 > 0 {
        return Err(Error::Usage(format!(
            "{}: this store holds reports; an invented history goes into an empty one (`--store FILE`)",
            path.display()
        ))
        .into());
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    let size = Size {
        commits: a.commits.clamp(1, 100_000),
        ..Size::believable(now.cast_signed())
    };
    let filled = demo::fill(&mut store, size, &mut |_, _| {})?;
    if a.json {
        print::json(
            &json!({ "schema": "uptick.demo/1", "store": path, "reports": filled.reports, "series": filled.series }),
        )?;
    } else {
        let file = collector::format::quoted(&path.to_string_lossy());
        print::out(&format!(
            "{} invented reports in {}\nlook at them: uptick serve --store {file}\n",
            filled.reports,
            path.display()
        ))?;
    }
    Ok(EXIT_OK)
}
