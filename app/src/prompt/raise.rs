//! Showing the window without taking the keyboard from whoever types elsewhere.
//!
//! On X11 a window can say so: one whose user never did anything gets no focus when it is shown.
//! On Wayland no window can ask for that, nor for the opposite; the compositor decides, and most
//! give a new window the focus. What is typed then comes here, does nothing for half a second, and
//! after it nothing but Alt with a letter, or a key on a button that was gone to.

use gdk4_x11::X11Surface;
use gdk4_x11::prelude::*;
use gtk::prelude::*;

/// Shows the window. It has to be hidden.
pub(super) fn raise(window: &adw::Window) {
    // There is a surface only from now on.
    WidgetExt::realize(window);
    if let Some(surface) = window.surface().and_downcast::<X11Surface>() {
        surface.set_user_time(0);
    }
    window.set_visible(true);
}
