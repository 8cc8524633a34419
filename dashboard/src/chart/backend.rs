//! plotters draws into this: SVG elements that carry classes instead of colours, so that the
//! page's sheet decides what they look like (dark mode, print), and whole coordinates in a
//! finer grid than pixels.
//!
//! A class is handed through plotters as a colour: see [`Ink`].

use plotters::style::RGBColor;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};

use crate::text::xml;

/// Units per pixel: a line may lie between two pixels.
pub(super) const FINE: i32 = 10;

/// What a stroke stands for. plotters only knows colours, so that each has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Axis,
    Grid,
    Band,
    Line,
    Older,
    Level,
    Dot,
    Label,
    Other1,
    Other2,
    Other3,
    Other4,
    Other5,
}

impl Ink {
    /// Those of the lines that somebody put beside the first.
    pub(super) const OTHERS: [Self; 5] = [
        Self::Other1,
        Self::Other2,
        Self::Other3,
        Self::Other4,
        Self::Other5,
    ];

    const ALL: [Self; 13] = [
        Self::Axis,
        Self::Grid,
        Self::Band,
        Self::Line,
        Self::Older,
        Self::Level,
        Self::Dot,
        Self::Label,
        Self::Other1,
        Self::Other2,
        Self::Other3,
        Self::Other4,
        Self::Other5,
    ];

    const fn class(self) -> &'static str {
        match self {
            Self::Axis => "axis",
            Self::Grid => "grid",
            Self::Band => "band",
            Self::Line => "line",
            Self::Older => "older",
            Self::Level => "level",
            Self::Dot => "dot",
            Self::Label => "label",
            Self::Other1 => "beside o1",
            Self::Other2 => "beside o2",
            Self::Other3 => "beside o3",
            Self::Other4 => "beside o4",
            Self::Other5 => "beside o5",
        }
    }

    /// The colour that stands for it.
    pub(super) const fn colour(self) -> RGBColor {
        RGBColor(7, 7, self as u8)
    }

    fn of(colour: BackendColor) -> Self {
        let (_, _, n) = colour.rgb;
        Self::ALL.get(usize::from(n)).copied().unwrap_or(Self::Axis)
    }
}

/// The SVG as far as it is drawn.
pub(super) struct Canvas<'a> {
    pub(super) out: &'a mut String,
    pub(super) size: (u32, u32),
}

/// Nothing can go wrong while writing into memory; plotters wants a type for it.
#[derive(Debug, thiserror::Error)]
#[error("the chart could not be drawn")]
pub(super) struct Never;

type Drawn = Result<(), DrawingErrorKind<Never>>;

impl Canvas<'_> {
    fn points(path: impl IntoIterator<Item = BackendCoord>) -> String {
        let mut out = String::new();
        let mut last = None;
        for (x, y) in path {
            // Relative steps are shorter than places.
            match last {
                None => out.push_str(&format!("M{x} {y}")),
                Some((a, b)) if (a, b) == (x, y) => continue,
                Some((a, b)) if b == y => out.push_str(&format!("h{}", x - a)),
                Some((a, b)) if a == x => out.push_str(&format!("v{}", y - b)),
                Some((a, b)) => out.push_str(&format!("l{} {}", x - a, y - b)),
            }
            last = Some((x, y));
        }
        out
    }

    /// A path; what directly follows one of its own sort continues that, so that a line with many
    /// gaps is one element.
    fn path(&mut self, ink: Ink, d: &str) {
        let open = format!("<path class=\"{}\" d=\"", ink.class());
        let tail = self.out.rfind("<path").map_or("", |i| &self.out[i..]);
        let ends = tail.starts_with(&open) && tail.ends_with("\"/>");
        if ends && !matches!(ink, Ink::Axis | Ink::Grid | Ink::Label) {
            self.out.truncate(self.out.len() - 3);
            self.out.push_str(&format!("{d}\"/>"));
        } else {
            self.out.push_str(&format!("{open}{d}\"/>"));
        }
    }
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Never;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        self.path(Ink::of(colour), &format!("M{x} {y}h1"));
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.path(Ink::of(style.color()), &Self::points([from, to]));
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.path(Ink::of(style.color()), &Self::points(path));
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vertices: I,
        style: &S,
    ) -> Drawn {
        let d = Self::points(vertices) + "z";
        self.path(Ink::of(style.color()), &d);
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (x0, y0): BackendCoord,
        (x1, y1): BackendCoord,
        style: &S,
        _fill: bool,
    ) -> Drawn {
        self.path(
            Ink::of(style.color()),
            &format!("M{x0} {y0}H{x1}V{y1}H{x0}z"),
        );
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        _radius: u32,
        style: &S,
        _fill: bool,
    ) -> Drawn {
        // A stroke of no length with round ends is a dot.
        self.path(Ink::of(style.color()), &format!("M{x} {y}h0"));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let dy = match style.anchor().v_pos {
            VPos::Top => 9 * FINE,
            VPos::Center => 4 * FINE,
            VPos::Bottom => -2 * FINE,
        };
        self.out.push_str(&format!(
            "<text x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            y + dy,
            xml(text)
        ));
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        _style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Never>> {
        // No font is at hand; in system fonts a character of 11 px is about 6 px wide.
        let width = text.chars().count() as u32 * 6 * FINE as u32;
        Ok((width, 11 * FINE as u32))
    }
}
