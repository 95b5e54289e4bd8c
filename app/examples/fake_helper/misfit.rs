//! Helpers that the app can't work with.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bastion_ipc::{Error, names};
use zbus::{Connection, Variant, interface};

/// What is wrong with it.
#[derive(Clone, Copy)]
pub(crate) enum Misfit {
    /// It tells less than the app needs.
    Older,
    /// It lets nobody in.
    ShutOut,
    /// It can do nothing.
    Broken,
}

impl Misfit {
    /// Of the arguments of this program.
    pub(crate) fn told(argument: &str) -> Option<Self> {
        match argument {
            "--older" => Some(Self::Older),
            "--shut-out" => Some(Self::ShutOut),
            "--broken" => Some(Self::Broken),
            _ => None,
        }
    }

    /// On the bus until it is dropped.
    pub(crate) async fn serve(self) -> zbus::Result<Connection> {
        let asked = Arc::new(AtomicU32::new(0));
        zbus::connection::Builder::system()
            .serve_at(names::HELPER_PATH, Control(self, asked.clone()))
            .serve_at(names::HELPER_PATH, Count(asked))
            .name(names::HELPER)
            .build()
            .await
    }
}

struct Control(Misfit, Arc<AtomicU32>);
struct Count(Arc<AtomicU32>);

#[interface(name = "org.bastionfirewall.FakeHelper1")]
impl Count {
    /// How often its state was asked for.
    fn asked(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[interface(name = "org.bastionfirewall.Helper1.Control")]
impl Control {
    fn get_status(&self) -> Result<HashMap<&'static str, Variant<'static>>, Error> {
        self.1.fetch_add(1, Ordering::Relaxed);
        match self.0 {
            Misfit::Older => Ok(HashMap::from([
                ("version", Variant::from("2.9.0")),
                ("mode", Variant::from("ask")),
            ])),
            Misfit::ShutOut => Err(Error::NotAuthorized(
                "This session may not see what the firewall does.".into(),
            )),
            Misfit::Broken => Err(Error::Unavailable("polkit could not be asked.".into())),
        }
    }
}
