//! The columns that live connections and the log have in common.

use std::marker::PhantomData;
use std::sync::LazyLock;

use relm4::typed_view::OrdFn;
use relm4::typed_view::column::RelmColumn;

use crate::i18n::gettext;
use crate::model::connections::FlowRow;
use crate::model::sentence::local_time;
use crate::model::time;
use crate::widgets::cells::{self, IconCell, TwoLines};
use crate::widgets::text_cell::TextCell;

/// Characters of a program's name, of a host's, and of why something was decided, which get what
/// room is left as well.
const PROGRAM: u32 = 16;
const HOST: u32 = 18;
const REASON: u32 = 23;

/// Characters of a time as the locale writes it. Nearly all are digits, which are narrower than letters.
static TIME: LazyLock<u32> = LazyLock::new(|| {
    let chars = local_time(time::now()).chars().count();
    u32::try_from(chars - chars / 12).unwrap_or(16)
});

/// A row that shows a flow.
pub(crate) trait HasFlow: 'static {
    /// The flow.
    fn flow(&self) -> &FlowRow;
}

impl HasFlow for FlowRow {
    fn flow(&self) -> &FlowRow {
        self
    }
}

/// Declares a column: its type, its name within the code, its title, whether it takes what room is
/// left, its root and cell widgets, how to make them, how to fill them, and what it is sorted by.
macro_rules! flow_column {
    (
        $column:ident, $name:literal, $title:expr, expand $expand:literal,
        $root:ty, $cell:ty, $setup:expr,
        |$flow:ident, $widget:ident, $top:ident| $bind:expr,
        sort |$one:ident, $other:ident| $order:expr
    ) => {
        pub(crate) struct $column<T>(PhantomData<T>);

        impl<T: HasFlow> RelmColumn for $column<T> {
            type Root = $root;
            type Widgets = $cell;
            type Item = T;

            const COLUMN_NAME: &'static str = $name;
            const ENABLE_RESIZE: bool = true;
            const ENABLE_EXPAND: bool = $expand;

            fn header_title() -> String {
                $title
            }

            fn setup(_: &gtk::ListItem) -> ($root, $cell) {
                $setup
            }

            fn bind(item: &mut T, $widget: &mut $cell, $top: &mut $root) {
                let $flow = item.flow();
                $bind;
            }

            fn sort_fn() -> OrdFn<T> {
                Some(Box::new(|one: &T, other: &T| {
                    let ($one, $other) = (one.flow(), other.flow());
                    $order
                }))
            }
        }
    };
}

flow_column!(
    Program, "program", gettext("Program"), expand true,
    gtk::Box, IconCell, IconCell::new(PROGRAM),
    |flow, cell, _root| cell.show(&flow.program_path, &flow.program),
    sort |one, other| one.program_order.cmp(&other.program_order)
);
flow_column!(
    Destination, "destination", gettext("Destination"), expand true,
    gtk::Box, TwoLines, TwoLines::new(HOST),
    |flow, cell, _root| cell.show(&flow.destination, &flow.address),
    sort |one, other| one.destination_order.cmp(&other.destination_order)
);
flow_column!(
    Port, "port", gettext("Port"), expand false,
    gtk::Inscription, TextCell, TextCell::new(12),
    |flow, cell, _root| cell.show(&flow.port),
    sort |one, other| one.port_number.cmp(&other.port_number)
);
flow_column!(
    Protocol, "protocol", gettext("Protocol"), expand false,
    gtk::Inscription, TextCell, TextCell::new(6),
    |flow, cell, _root| cell.show(&flow.protocol),
    sort |one, other| one.protocol.cmp(&other.protocol)
);
flow_column!(
    User, "user", gettext("User"), expand false,
    gtk::Inscription, TextCell, TextCell::new(7),
    |flow, cell, _root| cell.show(&flow.user),
    sort |one, other| one.user.cmp(&other.user)
);
flow_column!(
    State, "state", gettext("State"), expand false,
    gtk::Label, (), (cells::pill(), ()),
    |flow, _cell, pill| cells::show_verdict(pill, flow.verdict, &flow.state),
    sort |one, other| one.verdict.cmp(&other.verdict)
);
flow_column!(
    Reason, "reason", gettext("Reason"), expand true,
    gtk::Inscription, TextCell, TextCell::new(REASON),
    |flow, cell, _root| cell.show(&flow.reason),
    sort |one, other| one.reason.cmp(&other.reason)
);
flow_column!(
    Time, "time", gettext("Time"), expand false,
    gtk::Inscription, TextCell, TextCell::new(*TIME),
    |flow, cell, _root| cell.show(&local_time(flow.time)),
    sort |one, other| other.time.cmp(&one.time)
);
