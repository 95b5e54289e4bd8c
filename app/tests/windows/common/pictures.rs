//! Pictures of windows, in `target/screenshots`, and that what is in them fits.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::desktop::{Desktop, WINDOW};
use super::eventually;

/// Width and height of windows of which pictures are taken.
pub const SIZES: [(i64, i64); 2] = [(1280, 800), (360, 720)];
/// How windows look.
pub const STYLES: [&str; 2] = ["light", "dark"];

/// The variable that makes the app look so.
pub fn styled(style: &str) -> String {
    format!("ADW_DEBUG_COLOR_SCHEME=prefer-{style}")
}

/// The project's directory.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The variable by which the app finds its icons.
pub fn with_icons() -> String {
    let data = project().join("data");
    format!("XDG_DATA_DIRS={}:/usr/share", data.display())
}

/// Makes the main window so large.
pub fn resize(desktop: &mut Desktop, (width, height): (i64, i64)) {
    desktop.wait(json!({ "role": "frame", "name": WINDOW }));
    let size = json!({ "window": WINDOW, "width": width, "height": height });
    desktop.perform("resize", size);
}

/// Waits until the main window has this width, and the widget lies within it.
pub fn fits(desktop: &mut Desktop, find: &Value, width: i64) {
    eventually(&format!("{find} within {width} pixels"), || {
        let frame = desktop.wait(json!({ "role": "frame", "name": WINDOW }));
        let widget = desktop.wait(find.clone());
        let extent = |of: &Value, at: usize| of["extents"][at].as_i64().unwrap();
        let (left, wide) = (extent(&widget, 0), extent(&widget, 2));
        let fits = left >= 0 && left + wide <= width;
        (extent(&frame, 2) == width && fits).then_some(())
    });
}

/// Takes a picture.
pub fn take(desktop: &mut Desktop, window: &str, name: &str) {
    let pictures: PathBuf = project().join("target/screenshots");
    std::fs::create_dir_all(&pictures).unwrap();
    let path = pictures.join(format!("{name}.png"));
    desktop.perform("screenshot", json!({ "path": path, "window": window }));
}
