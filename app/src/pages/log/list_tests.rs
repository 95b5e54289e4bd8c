use std::cell::Cell;
use std::rc::Rc;

use super::*;
use crate::model::log::cache;
use crate::model::names::Directory;

fn logged(id: u64) -> Logged {
    let event = Event {
        id,
        program: format!("/usr/bin/p{id}"),
        ..Event::default()
    };
    let flow = FlowRow::of_event(&event, &Directory::fixed(&[], ""));
    Logged { event, flow }
}

fn page(page: Page) -> Vec<Logged> {
    let ids = (0..u64::from(page.rows)).map(|n| page.newest - n);
    ids.map(logged).collect()
}

fn id(list: &LogList, position: u32) -> Option<u64> {
    let item = list.item(position).and_downcast::<LogItem>().unwrap();
    let row = item.row();
    row.as_ref().map(|row| row.event.id)
}

/// A list of so many events, whose numbers are consecutive, and how often it wanted something.
fn list(events: u32) -> (LogList, Rc<Cell<u32>>) {
    let wanted = Rc::new(Cell::new(0));
    let counter = wanted.clone();
    let list = LogList::new(move || counter.set(counter.get() + 1));
    let first = |page: u32| (u64::from(events - page * PAGE), PAGE);
    let pages = LogPages {
        pages: (0..events / PAGE).map(first).collect(),
        next: None,
    };
    list.restart(&pages, Vec::new());
    (list, wanted)
}

#[test]
fn any_of_a_million_rows_comes_when_it_is_looked_at() {
    let (list, wanted) = list(1_000_000);
    assert_eq!(list.n_items(), 1_000_000);
    assert_eq!(wanted.get(), 0, "nobody has looked");
    let told = Rc::new(Cell::new(0));
    for (position, number) in [(999_999, 1), (0, 1_000_000), (123_456, 876_544)] {
        assert_eq!(id(&list, position), None);
        let item = list.item(position).and_downcast::<LogItem>().unwrap();
        let counter = told.clone();
        item.connect_filled_notify(move |_| counter.set(counter.get() + 1));
        let next = list.wanted().unwrap();
        list.fill(next, page(next));
        assert_eq!(id(&list, position), Some(number));
        assert_eq!(list.item(position).as_ref(), Some(item.upcast_ref()));
    }
    assert_eq!(told.get(), 3);
    assert!(wanted.get() >= 3);
    assert_eq!(list.wanted(), None);
    assert!(list.item(1_000_000).is_none());
}

#[test]
fn what_is_held_of_a_million_rows_is_bounded() {
    let (list, _) = list(1_000_000);
    for position in (0..1_000_000).step_by(1_000) {
        id(&list, position);
        while let Some(next) = list.wanted() {
            list.fill(next, page(next));
        }
    }
    assert_eq!(list.imp().cache.borrow().len(), cache::MOST);
}

#[test]
fn new_rows_come_on_top_and_old_ones_keep_their_pages() {
    let (list, _) = list(500);
    let changes = Rc::new(Cell::new((0, 0, 0)));
    let last = changes.clone();
    list.connect_items_changed(move |_, at, removed, added| last.set((at, removed, added)));
    list.prepend((501..=1_200).rev().map(logged).collect());
    assert_eq!(changes.get(), (0, 0, 700));
    for (position, number) in [(0, 1_200), (1, 1_199), (699, 501)] {
        assert_eq!(id(&list, position), Some(number));
    }
    list.prepend(vec![logged(1_201), logged(1_200)]);
    assert_eq!(list.n_items(), 1_201, "nothing comes twice");
    assert_eq!(id(&list, 0), Some(1_201));
    assert_eq!(id(&list, 1), Some(1_200));
    // What was there is asked for by its own name.
    assert_eq!(id(&list, 701), None);
    let next = list.wanted().unwrap();
    assert_eq!((next.newest, next.rows), (500, PAGE));
    list.fill(next, page(next));
    assert_eq!(id(&list, 701), Some(500));
}

#[test]
fn rows_that_were_removed_from_the_log_end_the_list() {
    let (list, _) = list(1_000);
    id(&list, 600);
    let next = list.wanted().unwrap();
    let mut rows = page(next);
    rows.truncate(50);
    list.fill(next, rows);
    assert_eq!(list.n_items(), 550);
    assert_eq!(id(&list, 549), Some(451));
    // What can't be had is asked for again.
    id(&list, 0);
    let first = list.wanted().unwrap();
    list.failed(first);
    assert_eq!(list.wanted(), None);
    id(&list, 0);
    assert_eq!(list.wanted(), Some(first));
}

#[test]
fn a_list_begins_anew_and_goes_on() {
    let (list, _) = list(1_000);
    let pages = |pages: &[(u64, u32)]| LogPages {
        pages: pages.to_vec(),
        next: None,
    };
    list.restart(&pages(&[(70, 2), (60, 1)]), vec![logged(70), logged(69)]);
    assert_eq!((list.n_items(), list.newest()), (3, 70));
    assert_eq!(id(&list, 1), Some(69));
    assert_eq!(list.wanted(), None, "the first page came along");
    list.extend(&pages(&[(50, 4)]));
    assert_eq!(list.n_items(), 7);
    list.restart(&pages(&[]), Vec::new());
    assert_eq!((list.n_items(), list.newest()), (0, 0));
}
