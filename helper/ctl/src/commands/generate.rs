//! Shell completions and manual pages, from the command line's own description.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::{Error, path_text};
use crate::output::Output;

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell, output: &Output) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bastionctl", &mut script);
    output.write(&String::from_utf8_lossy(&script))
}

/// Writes one page for the program and one for each command.
pub(crate) fn man(directory: &Path) -> Result<(), Error> {
    let failed = |source| Error::File {
        path: path_text(directory),
        source,
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_every_command_people_use() {
        let directory = tempfile::tempdir().unwrap();
        man(directory.path()).unwrap();
        for command in Cli::command().get_subcommands() {
            let page = format!("bastionctl-{}.1", command.get_name());
            assert_eq!(
                directory.path().join(&page).exists(),
                !command.is_hide_set(),
                "{page}"
            );
        }
        let main = std::fs::read_to_string(directory.path().join("bastionctl.1")).unwrap();
        assert!(
            main.contains("the helper can\\*(Aqt be reached") || main.contains("can't be reached")
        );
    }
}
