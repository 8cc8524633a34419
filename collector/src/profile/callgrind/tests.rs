use proptest::prelude::*;

use super::*;

const BASE: &[u8] = include_bytes!("../golden/base.callgrind");

fn name<'a>(raw: &RawProfile<'a>, context: u32) -> &'a str {
    std::str::from_utf8(raw.contexts[context as usize].name).unwrap()
}

/// A file with one part, a call, a jump, compressed names and positions, and two events.
const SMALL: &str = "\
# callgrind format
version: 1
desc: Trigger: Program termination
positions: instr line
events: Dr Ir

ob=(1) /fixed/b
fl=(1) a.rs
fn=(1) main
0x100 10 0 3
+4 +1 1 5
fi=(2) b.rs
+0x4 -2
fe=(1)
jcnd=1/2 +4 +1
*  12
cob=(2) libc.so
cfi=(3) c.c
cfn=(2) work'main
calls=7 0x500 40
+4 * 0 900
+4 * 0 2

ob=(2)
fl=(3)
fn=(2)
0x500 40 0 900

totals: 6 910
";

#[test]
fn reads_costs_calls_and_positions() {
    let raw = read(SMALL.as_bytes(), &[0]).unwrap();
    assert_eq!(raw.total, 910);
    assert_eq!(raw.contexts.len(), 2);
    assert_eq!((name(&raw, 0), name(&raw, 1)), ("main", "work'main"));
    let places: Vec<_> = raw
        .costs
        .iter()
        .map(|c| (c.context, c.site.address, c.site.line, c.cost))
        .collect();
    let expected = [
        (0, 0x100, 10, 3),
        (0, 0x104, 11, 5),
        (0, 0x110, 12, 2),
        (1, 0x500, 40, 900),
    ];
    assert_eq!(places, expected);
    let arc = raw.arcs[0];
    assert_eq!(
        (arc.caller, arc.callee, arc.calls, arc.inclusive),
        (0, 1, 7, 900)
    );
    assert_eq!((arc.site.address, arc.site.line), (0x10c, 12));
    let object = |c: usize| raw.objects[raw.contexts[c].object as usize];
    assert_eq!((object(0), object(1)), (&b"/fixed/b"[..], &b"libc.so"[..]));
    assert_eq!(raw.files[raw.contexts[1].file as usize], b"c.c");
}

#[test]
fn heads_tell_triggers_and_totals() {
    let heads = parts(SMALL.as_bytes()).unwrap();
    let trigger = Some("Program termination".to_owned());
    assert_eq!(
        heads,
        [PartHead {
            trigger,
            total: 910
        }]
    );
    let heads = parts(BASE).unwrap();
    assert_eq!(heads.len(), 3);
    assert_eq!(
        heads[1].trigger.as_deref(),
        Some("--dump-before=golden_mark")
    );
    for (i, head) in heads.iter().enumerate() {
        assert_eq!(read(BASE, &[i]).unwrap().total, head.total, "part {i}");
    }
}

#[test]
fn parts_add_up() {
    let (first, second) = (read(BASE, &[0]).unwrap(), read(BASE, &[1]).unwrap());
    let both = read(BASE, &[1, 0, 1]).unwrap();
    assert_eq!(both.total, first.total + second.total);
    assert_eq!(both.costs.len(), first.costs.len() + second.costs.len());
    assert_eq!(both.costs.iter().map(|c| c.cost).sum::<u64>(), both.total);
    assert_eq!(read(BASE, &[]).unwrap().total, 0);
}

fn fails(data: &str, wanted: &[usize], line: usize, what: &str) {
    let error = read(data.as_bytes(), wanted).unwrap_err();
    assert!(error.what.contains(what), "{error}");
    assert_eq!(error.line, line, "{error}");
}

#[test]
fn errors_name_the_line() {
    fails(SMALL.split("totals").next().unwrap(), &[0], 28, "cut short");
    fails(SMALL, &[1], 29, "cut short");
    fails(
        &SMALL.replace("totals: 6 910", "totals: 6 911"),
        &[0],
        29,
        "do not sum",
    );
    fails("fn=(3)\n1 1\ntotals: 1\n", &[0], 1, "before it is defined");
    fails("fn=a\n-1 1\ntotals: 1\n", &[0], 2, "negative");
    fails("fn=a\n99999999999 1\ntotals: 1\n", &[0], 2, "line number");
    fails("fn=a\n+18446744073709551616 1\n", &[0], 2, "64 bits");
    fails("fn=a\n1 x\n", &[0], 2, "not a number");
    fails("fn=a\n1 18446744073709551615\n1 1\n", &[0], 3, "64 bits");
    fails("1 1\n", &[0], 1, "outside any function");
    fails(
        "fn=a\ncalls=1 0\n1 1\n",
        &[0],
        3,
        "without caller or callee",
    );
    fails("fn=a\nbogus=1\n", &[0], 2, "unknown");
    fails("fn=a\nbogus\n", &[0], 2, "neither");
    fails("events: Dr\n", &[0], 1, "Ir");
    assert_eq!(parts(b"events: Ir\nfn=a\n1 1\n").unwrap_err().line, 4);
    assert!(parts(b"events: Ir\ntotals: x\n").is_err());
    assert_eq!(parts(b"").unwrap(), []);
}

#[test]
fn names_may_be_plain_renumbered_or_far_numbered() {
    let far = "fn=(4294967299) far\n1 1\nfn=(below main)\n1 2\nfn=(4294967299)\n1 4\n\
               fn=(1) one\n1 8\nfn=(1) uno\n1 16\ntotals: 31\n";
    let raw = read(far.as_bytes(), &[0]).unwrap();
    let names: Vec<&str> = (0..raw.contexts.len() as u32)
        .map(|c| name(&raw, c))
        .collect();
    assert_eq!(names, ["far", "(below main)", "one", "uno"]);
    assert_eq!(raw.costs[2].context, raw.costs[0].context);
}

proptest! {
    #[test]
    fn any_bytes_give_a_result(data in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = (parts(&data), read(&data, &[0, 1]));
    }

    #[test]
    fn any_lines_give_a_result(lines in prop::collection::vec(line(), 0..60)) {
        let data = lines.concat();
        if let Ok(raw) = read(data.as_bytes(), &[0]) {
            prop_assert_eq!(raw.costs.iter().map(|c| c.cost).sum::<u64>(), raw.total);
        }
        let _ = parts(data.as_bytes());
    }

    #[test]
    fn a_damaged_file_gives_a_result(cut in 0..BASE.len(), at in 0..BASE.len(), byte: u8) {
        let mut data = BASE.to_vec();
        data[at] = byte;
        for part in 0..3 {
            let _ = read(&data, &[part]);
        }
        data.truncate(cut);
        let _ = (parts(&data), read(&data, &[0, 1, 2]));
        prop_assert!(read(&BASE[..cut], &[2]).is_err());
    }

    /// Whatever is written in the format is read back, in any compression of positions.
    #[test]
    fn costs_are_read_back(costs in prop::collection::vec((0..5u32, 0..300u32, 1..1000u64), 1..80)) {
        let mut text = String::from("positions: line\nevents: Ir\n");
        let (mut last, mut seen) = (0u32, [false; 5]);
        for &(function, line, cost) in &costs {
            let defined = std::mem::replace(&mut seen[function as usize], true);
            let name = if defined { String::new() } else { format!(" f{function}") };
            text += &format!("fn=({}){name}\n", function + 1);
            text += &match line {
                l if l == last => format!("* {cost}\n"),
                l if l > last && l % 2 == 0 => format!("+{} {cost}\n", l - last),
                l if l < last => format!("-{} {cost}\n", last - l),
                l => format!("{l} {cost}\n"),
            };
            last = line;
        }
        let total: u64 = costs.iter().map(|c| c.2).sum();
        text += &format!("totals: {total}\n");
        let raw = read(text.as_bytes(), &[0]).unwrap();
        let read_back: Vec<_> = raw
            .costs
            .iter()
            .map(|c| (name(&raw, c.context)[1..].parse().unwrap(), c.site.line, c.cost))
            .collect();
        prop_assert_eq!(read_back, costs);
    }
}

fn line() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "fn=",
        "cfn=",
        "fl=",
        "fi=",
        "ob=",
        "cob=",
        "calls=",
        "jump=",
        "jcnd=",
        "events:",
        "positions:",
        "totals:",
        "part:",
        "(1)",
        "(2)",
        " a",
        "'2",
        "'b",
        "* ",
        "+1 ",
        "-1 ",
        "0x10 ",
        "7 ",
        "1",
        "18446744073709551615",
        " Ir",
        " instr",
        " line",
        "/",
        "(",
        ")",
        "",
        "\r",
        "é",
    ]);
    prop::collection::vec(word, 0..5).prop_map(|words| words.concat() + "\n")
}
