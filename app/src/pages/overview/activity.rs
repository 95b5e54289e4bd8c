//! The part of the overview that shows what happened lately: the chart, and who was busiest.

use adw::prelude::*;

use crate::i18n::{gettext, gettext_f};
use crate::model::names;
use crate::model::time;
use crate::model::traffic::{BARS, STEP, Share, Traffic};
use crate::widgets::chart::Chart;
use crate::widgets::program;

/// Rows of a list of the busiest.
const MOST: usize = 5;
/// Pixels below which the lists stand below one another.
const LIST_WIDTH: i32 = 260;

/// The widgets.
#[derive(Debug)]
pub struct Activity {
    /// What to show.
    pub root: adw::PreferencesGroup,
    chart: Chart,
    busiest: gtk::FlowBox,
    programs: Busiest,
    destinations: Busiest,
}

impl Activity {
    /// Empty.
    pub fn new() -> Self {
        let span = time::span(BARS as u64 * STEP / 1000);
        let root = adw::PreferencesGroup::builder()
            .title(gettext("Activity"))
            .description(gettext_f("The last {span}", &[("span", &span)]))
            .build();
        let chart = Chart::new(&gettext("Activity"));
        let programs = Busiest::new(&gettext("Busiest Programs"));
        let destinations = Busiest::new(&gettext("Busiest Destinations"));
        let busiest = gtk::FlowBox::builder()
            .selection_mode(gtk::SelectionMode::None)
            .homogeneous(true)
            .min_children_per_line(1)
            .max_children_per_line(2)
            .column_spacing(12)
            .row_spacing(18)
            .margin_top(18)
            .visible(false)
            .build();
        for list in [&programs, &destinations] {
            let child = gtk::FlowBoxChild::builder()
                .child(&list.root)
                .focusable(false)
                .build();
            busiest.append(&child);
        }
        root.add(&chart.root);
        root.add(&busiest);
        Self {
            root,
            chart,
            busiest,
            programs,
            destinations,
        }
    }

    /// Shows what happened, up to now. While nobody looks, nothing is done.
    pub fn show(&mut self, traffic: &Traffic) {
        if !self.root.is_mapped() {
            return;
        }
        let now = time::now();
        self.chart.show(traffic.counts(now), &traffic.sentence(now));
        let programs = traffic.programs(MOST);
        self.busiest.set_visible(!programs.is_empty());
        self.programs.show(programs, |row, share| {
            let look = program::look(&share.name);
            row.set_title(&look.name);
            row.set_tooltip_text(Some(&share.name));
            let icon = gtk::Image::from_gicon(&look.icon);
            icon.set_pixel_size(24);
            icon.set_accessible_role(gtk::AccessibleRole::Presentation);
            row.add_prefix(&icon);
        });
        let destinations = traffic.destinations(MOST);
        self.destinations.show(destinations, |row, share| {
            row.set_title(&share.name);
            row.set_tooltip_text(Some(&share.name));
        });
    }
}

/// A list of who had the most connections.
#[derive(Debug)]
struct Busiest {
    root: adw::PreferencesGroup,
    rows: Vec<adw::ActionRow>,
    shown: Vec<Share>,
}

impl Busiest {
    fn new(title: &str) -> Self {
        Self {
            root: adw::PreferencesGroup::builder()
                .title(title)
                .width_request(LIST_WIDTH)
                .build(),
            rows: Vec::new(),
            shown: Vec::new(),
        }
    }

    fn show(&mut self, shares: Vec<Share>, fill: impl Fn(&adw::ActionRow, &Share)) {
        if self.shown == shares {
            return;
        }
        for row in self.rows.drain(..) {
            self.root.remove(&row);
        }
        for share in &shares {
            let row = adw::ActionRow::builder()
                .use_markup(false)
                .title_lines(1)
                .build();
            fill(&row, share);
            let flows = gtk::Label::builder()
                .label(names::number(share.flows))
                .css_classes(["numeric", "dim-label"])
                .build();
            row.add_suffix(&flows);
            self.root.add(&row);
            self.rows.push(row);
        }
        self.shown = shares;
    }
}
