//! The chart of the last minutes: one bar for each step of time, what was allowed, denied and asked
//! on top of one another. It takes its colours from its own legend, so that it follows the theme.

use std::cell::Cell;
use std::rc::Rc;

use gtk::prelude::*;
use gtk::{cairo, gdk};

use crate::i18n::gettext;
use crate::model::names;
use crate::model::traffic::{BARS, Counts, ceiling};

/// Pixels.
const HEIGHT: i32 = 140;
const GAP: f64 = 2.0;
/// Room above the highest line for its number.
const HEAD: f64 = 18.0;
/// The height of a bar of which there is hardly anything: seldom must not look like never.
const LEAST: f64 = 2.0;

/// The widget, with its legend.
#[derive(Debug)]
pub struct Chart {
    /// What to show.
    pub root: gtk::Box,
    area: gtk::DrawingArea,
    /// How much the highest line stands for.
    top: gtk::Label,
    counts: Rc<Cell<[Counts; BARS]>>,
}

impl Chart {
    /// An empty one, called so for those who don't see it.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let legend = gtk::Box::builder()
            .spacing(12)
            .halign(gtk::Align::Center)
            .build();
        let keys = [
            (gettext("Allowed"), "success"),
            (gettext("Denied"), "error"),
            (gettext("Asked"), "accent"),
        ];
        let swatches = keys.map(|(title, style)| {
            let swatch = gtk::Label::builder()
                .label("■")
                .css_classes([style])
                .accessible_role(gtk::AccessibleRole::Presentation)
                .build();
            let key = gtk::Box::builder().spacing(6).build();
            key.append(&swatch);
            let title = gtk::Label::builder()
                .label(&title)
                .css_classes(["caption"])
                .ellipsize(gtk::pango::EllipsizeMode::End)
                .build();
            key.append(&title);
            legend.append(&key);
            swatch
        });
        let area = gtk::DrawingArea::builder()
            .content_height(HEIGHT)
            .hexpand(true)
            .accessible_role(gtk::AccessibleRole::Img)
            .build();
        area.update_property(&[gtk::accessible::Property::Label(name)]);
        let counts = Rc::new(Cell::new([Counts::default(); BARS]));
        let shown = counts.clone();
        area.set_draw_func(move |area, context, width, height| {
            let colours = swatches.each_ref().map(WidgetExt::color);
            let counts = shown.get();
            let size = (f64::from(width), f64::from(height));
            let drawn = lines(context, size, &area.color())
                .and_then(|()| draw(context, size, &counts, &colours));
            if let Err(error) = drawn {
                tracing::warn!(%error, "the chart can't be drawn");
            }
        });
        let root = gtk::Box::builder()
            .orientation(gtk::Orientation::Vertical)
            .spacing(12)
            .css_classes(["card", "chart"])
            .build();
        let top = gtk::Label::builder()
            .halign(gtk::Align::End)
            .valign(gtk::Align::Start)
            .css_classes(["caption", "dim-label", "numeric"])
            .accessible_role(gtk::AccessibleRole::Presentation)
            .build();
        let scaled = gtk::Overlay::builder().child(&area).build();
        scaled.add_overlay(&top);
        root.append(&scaled);
        root.append(&legend);
        Self {
            root,
            area,
            top,
            counts,
        }
    }

    /// Shows these bars; the sentence says the same.
    pub fn show(&self, counts: [Counts; BARS], sentence: &str) {
        self.top.set_label(&names::number(ceiling(&counts)));
        self.counts.set(counts);
        self.area
            .update_property(&[gtk::accessible::Property::Description(sentence)]);
        self.area.set_tooltip_text(Some(sentence));
        self.area.queue_draw();
    }
}

fn draw(
    context: &cairo::Context,
    (width, height): (f64, f64),
    counts: &[Counts; BARS],
    colours: &[gdk::RGBA; 3],
) -> Result<(), cairo::Error> {
    let top = ceiling(counts);
    let room = width / BARS as f64;
    let bar = (room - GAP).max(1.0);
    for (index, counts) in counts.iter().enumerate() {
        let left = index as f64 * room + GAP / 2.0;
        let mut bottom = height;
        let parts = [counts.allowed, counts.denied, counts.asked];
        for (part, colour) in parts.into_iter().zip(colours) {
            if part == 0 {
                continue;
            }
            let tall = (part as f64 / top as f64 * (height - HEAD)).max(LEAST);
            bottom -= tall;
            paint(context, colour, 1.0);
            context.rectangle(left, bottom, bar, tall);
            context.fill()?;
        }
    }
    Ok(())
}

/// The scale: a line at nothing, one in the middle and one at the top.
fn lines(
    context: &cairo::Context,
    (width, height): (f64, f64),
    colour: &gdk::RGBA,
) -> Result<(), cairo::Error> {
    paint(context, colour, 0.15);
    context.set_line_width(1.0);
    for part in [0.0, 0.5, 1.0] {
        // In the middle of a pixel, so that a line is one pixel wide.
        let y = (height - part * (height - HEAD)).floor() - 0.5;
        context.move_to(0.0, y);
        context.line_to(width, y);
        context.stroke()?;
    }
    Ok(())
}

fn paint(context: &cairo::Context, colour: &gdk::RGBA, opacity: f64) {
    context.set_source_rgba(
        colour.red().into(),
        colour.green().into(),
        colour.blue().into(),
        f64::from(colour.alpha()) * opacity,
    );
}
