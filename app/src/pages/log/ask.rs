//! Asking the helper where pages begin.

use bastion_ipc::wire::{Event, LogPages, LogQuery};

use crate::client::{Client, Failure};
use crate::model::log::pages::Page;

/// Where pages begin, and if wanted the events of the first.
pub(super) async fn pages(
    client: &Client,
    query: &LogQuery,
    with_head: bool,
) -> Result<(LogPages, Vec<Event>), Failure> {
    let pages = client.log_pages(query).await?;
    let head = match pages.pages.first() {
        Some((newest, rows)) if with_head => {
            let page = Page {
                newest: *newest,
                rows: *rows,
                start: 0,
            };
            client.log(&page.query(query)).await?
        }
        _ => Vec::new(),
    };
    Ok((pages, head))
}
