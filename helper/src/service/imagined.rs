//! Senders that need not exist.

use std::sync::Arc;

use bastion_ipc::Error;
use bastion_policy::matcher::{AppId, ExecutablePath, ProgramMatcher};
use bastion_policy::process::{Identity, Process, UnknownReason};

/// The program of this text form, run by this user.
///
/// # Errors
/// [`Error::InvalidArgument`] when it names no single program.
pub(super) fn sender(program: &str, uid: u32) -> Result<Identity, Error> {
    let wrong = |e: bastion_policy::matcher::ProgramError| Error::InvalidArgument(e.to_string());
    let (path, app) = match program.parse::<ProgramMatcher>().map_err(wrong)? {
        ProgramMatcher::Kernel => return Ok(Identity::Kernel),
        ProgramMatcher::Unknown => {
            return Ok(Identity::Unknown {
                uid: Some(uid),
                reason: UnknownReason::NoProcess,
            });
        }
        ProgramMatcher::Path(path) => (path, None),
        // Where an application's files lie does not matter to a rule for the application.
        ProgramMatcher::App(app) => ("/app".parse().map_err(wrong)?, Some(app)),
        ProgramMatcher::Any | ProgramMatcher::Pattern(_) => {
            return Err(Error::InvalidArgument(
                "program: name one program, such as /usr/bin/curl".into(),
            ));
        }
    };
    Ok(process(path, app, uid))
}

/// A process of this user that runs a program.
pub(super) fn process(path: ExecutablePath, app: Option<AppId>, uid: u32) -> Identity {
    Identity::Process(Arc::new(Process::imagined(path, app, uid)))
}
