//! What is shown of all connections: choices below the search, which go when the search is closed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use gtk::glib;
use gtk::pango;
use gtk::prelude::*;

use crate::i18n::gettext;
use crate::model::connections::live::{Facet, Filter, Live};
use crate::widgets::program;

/// Characters by which it is reckoned how many choices fit beside each other.
const SHORT: i32 = 7;

/// Told what is chosen.
type Changed = Rc<dyn Fn(BTreeMap<Facet, String>)>;

/// One choice for each facet.
pub(super) struct Filters {
    pub(super) root: gtk::FlowBox,
    choices: Rc<Vec<Choice>>,
}

struct Choice {
    facet: Facet,
    place: gtk::FlowBoxChild,
    drop_down: gtk::DropDown,
    labels: gtk::StringList,
    /// What each choice after the first stands for.
    values: RefCell<Vec<String>>,
    /// The choices are being changed by the page, not by the user.
    offering: Cell<bool>,
}

impl Filters {
    pub(super) fn new(changed: impl Fn(BTreeMap<Facet, String>) + 'static) -> Self {
        let root = gtk::FlowBox::builder()
            .selection_mode(gtk::SelectionMode::None)
            .homogeneous(true)
            .min_children_per_line(2)
            .max_children_per_line(4)
            .column_spacing(6)
            .row_spacing(6)
            .accessible_role(gtk::AccessibleRole::Group)
            .build();
        root.update_property(&[gtk::accessible::Property::Label(&gettext("Filters"))]);
        let choices: Rc<Vec<Choice>> = Rc::new(Facet::ALL.map(Choice::new).into());
        let changed: Changed = Rc::new(changed);
        for (at, choice) in choices.iter().enumerate() {
            root.append(&choice.place);
            let (all, changed) = (Rc::downgrade(&choices), changed.clone());
            choice.drop_down.connect_selected_notify(move |_| {
                let Some(all) = all.upgrade() else { return };
                if all.get(at).is_some_and(|choice| !choice.offering.get()) {
                    changed(chosen(&all));
                }
            });
        }
        Self { root, choices }
    }

    /// Offers what there is to choose from.
    pub(super) fn offer(&self, live: &Live, filter: &Filter) {
        for choice in self.choices.iter() {
            choice.offer(live.choices(choice.facet, filter));
        }
    }

    /// Chooses nothing.
    pub(super) fn reset(&self) {
        for choice in self.choices.iter() {
            choice.drop_down.set_selected(0);
        }
    }
}

fn chosen(choices: &[Choice]) -> BTreeMap<Facet, String> {
    let chosen = |choice: &Choice| Some((choice.facet, choice.chosen()?));
    choices.iter().filter_map(chosen).collect()
}

impl Choice {
    fn new(facet: Facet) -> Self {
        let (name, all) = match facet {
            Facet::State => (gettext("State"), gettext("All States")),
            Facet::Program => (gettext("Program"), gettext("All Programs")),
            Facet::Protocol => (gettext("Protocol"), gettext("All Protocols")),
            Facet::User => (gettext("User"), gettext("All Users")),
        };
        let labels = gtk::StringList::new(&[&all]);
        let text = gtk::PropertyExpression::new(
            gtk::StringObject::static_type(),
            None::<&gtk::Expression>,
            "string",
        );
        let drop_down = gtk::DropDown::builder()
            .model(&labels)
            .expression(&text)
            // There can be very many of them.
            .enable_search(facet == Facet::Program)
            .search_match_mode(gtk::StringFilterMatchMode::Substring)
            .build();
        // Else it is called by what is chosen, which the button in it says besides.
        drop_down.reset_relation(gtk::AccessibleRelation::LabelledBy);
        drop_down.update_property(&[gtk::accessible::Property::Label(&name)]);
        // The list that opens takes the room it needs.
        drop_down.set_list_factory(drop_down.factory().as_ref());
        drop_down.set_factory(Some(&shortened()));
        let place = gtk::FlowBoxChild::builder()
            .child(&drop_down)
            .focusable(false)
            .visible(false)
            .accessible_role(gtk::AccessibleRole::Group)
            .build();
        Self {
            facet,
            place,
            drop_down,
            labels,
            values: RefCell::default(),
            offering: Cell::new(false),
        }
    }

    fn chosen(&self) -> Option<String> {
        let at = (self.drop_down.selected() as usize).checked_sub(1)?;
        self.values.borrow().get(at).cloned()
    }

    /// A choice that can't change anything is not there.
    fn offer(&self, values: Vec<String>) {
        let chosen = self.chosen();
        self.place.set_visible(values.len() > 1 || chosen.is_some());
        if *self.values.borrow() == values {
            return;
        }
        let label = |value: &String| match self.facet {
            Facet::Program => program::look(value).name,
            _ => value.clone(),
        };
        let labels: Vec<_> = values.iter().map(label).collect();
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        let selected = chosen.and_then(|it| values.iter().position(|value| *value == it));
        let selected = selected.and_then(|at| u32::try_from(at + 1).ok());
        self.offering.set(true);
        self.labels.splice(1, self.labels.n_items() - 1, &labels);
        self.values.replace(values);
        self.drop_down.set_selected(selected.unwrap_or(0));
        self.offering.set(false);
    }
}

/// Shows what is chosen in as little room as there is.
fn shortened() -> gtk::SignalListItemFactory {
    let factory = gtk::SignalListItemFactory::new();
    factory.connect_setup(|_, item| {
        let label = gtk::Label::builder()
            .xalign(0.0)
            .ellipsize(pango::EllipsizeMode::End)
            .max_width_chars(SHORT)
            .build();
        if let Some(item) = item.downcast_ref::<gtk::ListItem>() {
            item.set_child(Some(&label));
            item.property_expression("item")
                .chain_property::<gtk::StringObject>("string")
                .bind(&label, "label", None::<&glib::Object>);
        }
    });
    factory
}
