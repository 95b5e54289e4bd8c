//! One case, measured once.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use bastion_tests::{Find, Frame, Program};

use super::case::{Case, Metric};
use super::pace::Pace;
use super::stage::{Stage, Window};
use crate::guard;

type Measured = anyhow::Result<Vec<(Metric, f64)>>;

/// So long nothing is done before memory at rest is looked at.
const AT_REST: Duration = Duration::from_secs(5);
/// From one click of the wheel to the next, as of a wheel that spins freely, and from one step of
/// a drag to the next.
const CLICK: Duration = Duration::from_millis(16);
/// The sliders of scrollbars at their tops, in windows of the size they have at first, and a place
/// below the end of both: how far a slider can go depends on where within it the drag begins.
const LOG_SLIDER: (u32, u32) = (994, 150);
const BARE_SLIDER: (u32, u32) = (994, 110);
const BELOW: (u32, u32) = (994, 760);
/// Title of the app's window.
const TITLE: &str = Window::App.title();
/// Destination of the first event of the log (`tests/bench/fill_log.py`).
const OLDEST: &str = "host-0.example.org";
/// Rules of the case with many.
const RULES: u32 = 10_000;
/// Within this a page has taken the place of another.
const FADE: Duration = Duration::from_millis(500);
/// Connections a second, and for how many seconds.
const PER_SECOND: u32 = 500;
const SECONDS: u32 = 30;
/// Pages that show what is decided and are long enough to scroll. These connections end at once, so
/// that the page of open ones has nothing to scroll, and a frame that does not come is none too late.
const PAGES: [&str; 2] = ["overview", "log"];

/// Starts everything once.
pub fn warm_up(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    empty_window(stage)?;
    start(stage).map(drop)
}

pub fn measure(stage: &mut Stage<'_>, case: Case) -> Measured {
    match case {
        Case::EmptyWindow => empty_window(stage),
        Case::Start => start(stage),
        Case::Rest => rest(stage),
        Case::Rules10000 => rules(stage),
        Case::BareTable => bare_table(stage),
        Case::ScrollLog => scroll_log(stage),
        Case::Arriving500 => arriving(stage),
    }
}

fn empty_window(stage: &mut Stage<'_>) -> Measured {
    let (program, first) = stage.start(Window::Empty)?;
    stage.rest(program)?;
    thread::sleep(AT_REST);
    let rss = stage.desktop.memory_kib(program)?;
    stage.end(program)?;
    Ok(vec![(Metric::FirstFrame, first.end), (Metric::Rss, rss)])
}

fn start(stage: &mut Stage<'_>) -> Measured {
    stage.helper(None, false)?;
    let (program, first) = stage.start(Window::App)?;
    stage.rest(program)?;
    stage.end(program)?;
    Ok(vec![(Metric::FirstFrame, first.end)])
}

fn rest(stage: &mut Stage<'_>) -> Measured {
    stage.helper(None, false)?;
    let (program, _) = stage.start(Window::App)?;
    stage.rest(program)?;
    thread::sleep(AT_REST);
    let rss = stage.desktop.memory_kib(program)?;
    stage.end(program)?;
    Ok(vec![(Metric::Rss, rss)])
}

fn rules(stage: &mut Stage<'_>) -> Measured {
    stage.helper(Some(RULES), false)?;
    let (program, first) = stage.start(Window::App)?;
    stage.show("rules")?;
    let mut frames = stage.rest(program)?;
    let row = Find::role("label").named("other-0").in_window(TITLE);
    stage.desktop.wait(&row)?;
    // What was drawn until they were seen to be there.
    frames.extend(stage.rest(program)?);
    let full = frames.last().context("the page of rules is not drawn")?.end;
    // The last by its name shows that all are there.
    stage.desktop.click(&row)?;
    stage.desktop.key(&["End"])?;
    stage
        .desktop
        .wait(&Find::role("label").named("other-9999").in_window(TITLE))?;
    thread::sleep(AT_REST);
    let rss = stage.desktop.memory_kib(program)?;
    stage.end(program)?;
    Ok(vec![
        (Metric::FirstFrame, first.end),
        (Metric::RulesFull, full),
        (Metric::Rss, rss),
    ])
}

/// Frames while something is done that moves all the time.
fn frames(
    stage: &mut Stage<'_>,
    program: Program,
    moves: impl FnOnce(&mut Stage<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Frame>> {
    stage.desktop.frames(program)?;
    moves(stage)?;
    Ok(stage.desktop.frames(program)?)
}

/// The figures of several parts, and in words that of each.
fn figures<const N: usize>(paces: [(&str, Pace); N]) -> Measured {
    let slowest = paces
        .iter()
        .map(|(part, pace)| format!("{part} {:.1} ms", pace.slowest()));
    println!(
        "    slowest frames: {}",
        slowest.collect::<Vec<_>>().join(", ")
    );
    Pace::of_all(paces.map(|(_, pace)| pace)).figures()
}

fn scroll_log(stage: &mut Stage<'_>) -> Measured {
    stage.helper(None, true)?;
    let (program, first) = stage.start(Window::App)?;
    stage.show("log")?;
    stage.rest(program)?;
    let mut measured = scrolled(stage, program, Window::App, LOG_SLIDER, OLDEST)?;
    let rss = stage.desktop.memory_kib(program)?;
    stage.end(program)?;
    measured.push((Metric::FirstFrame, first.end));
    measured.push((Metric::Rss, rss));
    Ok(measured)
}

fn bare_table(stage: &mut Stage<'_>) -> Measured {
    let (program, _) = stage.start(Window::BareTable)?;
    stage.rest(program)?;
    let measured = scrolled(stage, program, Window::BareTable, BARE_SLIDER, "row 999999")?;
    stage.end(program)?;
    Ok(measured)
}

/// The frames of a table that is scrolled down by the wheel, along by the slider of its scrollbar, and
/// up by the wheel. Its last row shows a text.
fn scrolled(
    stage: &mut Stage<'_>,
    program: Program,
    window: Window,
    slider: (u32, u32),
    last: &str,
) -> Measured {
    let window = window.title();
    let wheel =
        |clicks| move |stage: &mut Stage<'_>| Ok(stage.desktop.scroll(window, clicks, CLICK)?);
    let mut paces = ["wheel", "scrollbar", "wheel at the end"].map(|how| (how, Pace::default()));
    let [(_, down), (_, along), (_, up)] = &mut paces;
    down.add(&frames(stage, program, wheel(300))?);
    // It comes into sight when the pointer does, and then rests until it is dragged: no frame of
    // that time is late.
    stage.desktop.drag(window, slider, slider, 1, CLICK)?;
    stage.rest(program)?;
    along.add(&frames(stage, program, |stage| {
        Ok(stage.desktop.drag(window, slider, BELOW, 250, CLICK)?)
    })?);
    let last = Find::role("label").named(last).in_window(window);
    stage
        .desktop
        .wait(&last)
        .context("the end of the table is not reached")?;
    up.add(&frames(stage, program, wheel(-300))?);
    figures(paces)
}

/// Frames of a page that is scrolled down and up.
fn frames_of_page(
    stage: &mut Stage<'_>,
    program: Program,
    page: &str,
) -> anyhow::Result<Vec<Frame>> {
    stage.show(page)?;
    thread::sleep(FADE);
    frames(stage, program, |stage| {
        stage.desktop.scroll(TITLE, 50, CLICK)?;
        Ok(stage.desktop.scroll(TITLE, -50, CLICK)?)
    })
}

fn arriving(stage: &mut Stage<'_>) -> Measured {
    stage.helper(None, false)?;
    let (program, _) = stage.start(Window::App)?;
    stage.rest(program)?;
    let mut client = stage.client()?;
    let before = stage.desktop.memory_kib(program)?;
    let mut paces = PAGES.map(|page| (page, Pace::default()));
    let mut memory = Vec::new();
    let made = thread::scope(|scope| {
        let load = scope.spawn(|| client.connect_steadily(PER_SECOND, SECONDS));
        while !load.is_finished() {
            for (page, pace) in &mut paces {
                pace.add(&frames_of_page(stage, program, page)?);
                memory.push(stage.desktop.memory_kib(program)?);
            }
        }
        load.join()
            .map_err(|_| anyhow!("a thread ended early"))?
            .context("nothing connects")
    })?;
    let per_second = f64::from(made.connections) / made.seconds;
    ensure!(
        per_second > 0.95 * f64::from(PER_SECOND),
        "only {per_second:.0} connections were made a second"
    );
    guard::prove_decided(stage.place, u64::from(made.connections) * 99 / 100)?;
    let rss = stage.desktop.memory_kib(program)?;
    stage.end(program)?;
    let third = memory.get(memory.len() / 3).copied().unwrap_or(f64::NAN);
    let mut measured = figures(paces)?;
    measured.push((Metric::Rss, rss));
    measured.push((Metric::RssGrowth, rss - before));
    measured.push((Metric::RssGrowthLate, rss - third));
    Ok(measured)
}
