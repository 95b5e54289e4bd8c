//! Interpreters, and how each reads its arguments.

/// How an interpreter reads its arguments.
#[derive(Debug)]
pub(super) struct Interpreter {
    /// Names of its file, without a version.
    pub names: &'static [&'static str],
    /// Letters of options that take an argument: the rest of the word or the next word.
    pub argument: &'static str,
    /// Letters of options to which the rest of the word belongs, but never the next word.
    pub rest: &'static str,
    /// Letters of options after which there is no script: the program itself follows, or it
    /// comes from the standard input.
    pub code: &'static str,
    /// Letters of options whose argument is a script.
    pub file: &'static str,
    /// Letters of options whose argument is a module.
    pub module: &'static str,
    /// Longer options that take the next word.
    pub long_argument: &'static [&'static str],
    /// Longer options with which there is no script.
    pub long_code: &'static [&'static str],
    /// Longer options whose next word is a script.
    pub long_file: &'static [&'static str],
    /// Longer options whose next word is a module.
    pub long_module: &'static [&'static str],
    /// True where longer options start with a single dash as well, and letters are not put
    /// together.
    pub single_dash: bool,
    /// What the first word that is no option is.
    pub bare: Bare,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Bare {
    Script,
    Module,
    Code,
}

/// bash(1), dash(1), zsh(1), ksh(1); python(1); perlrun(1); ruby(1); node(1); java(1); php(1);
/// lua(1); tclsh(1), wish(1); gjs(1); gawk(1), mawk(1); mono(1); fish(1).
static INTERPRETERS: [Interpreter; 13] = [
    Interpreter {
        names: &["sh", "bash", "dash", "ash", "rbash", "zsh", "ksh", "mksh"],
        argument: "oO",
        code: "cs",
        long_argument: &["--rcfile", "--init-file"],
        ..NONE
    },
    Interpreter {
        names: &["fish"],
        argument: "Cdof",
        code: "c",
        long_argument: &["--init-command", "--debug", "--debug-output", "--features"],
        long_code: &["--command"],
        ..NONE
    },
    Interpreter {
        names: &["python", "pypy"],
        argument: "WXQ",
        code: "c",
        module: "m",
        long_argument: &["--check-hash-based-pycs"],
        ..NONE
    },
    Interpreter {
        names: &["perl"],
        argument: "I",
        rest: "0CdDFilmMVx",
        code: "eE",
        ..NONE
    },
    Interpreter {
        names: &["ruby"],
        argument: "CEIr",
        rest: "0FiKTWx",
        code: "e",
        long_argument: &["--encoding", "--external-encoding", "--internal-encoding"],
        ..NONE
    },
    Interpreter {
        names: &["node", "nodejs"],
        argument: "rC",
        code: "ep",
        long_argument: &[
            "--require",
            "--import",
            "--loader",
            "--experimental-loader",
            "--conditions",
            "--title",
        ],
        long_code: &["--eval", "--print"],
        ..NONE
    },
    Interpreter {
        names: &["java"],
        argument: "p",
        module: "m",
        long_argument: &[
            "cp",
            "classpath",
            "--class-path",
            "--module-path",
            "--upgrade-module-path",
            "--add-modules",
            "--add-exports",
            "--add-opens",
            "--add-reads",
            "--limit-modules",
            "--patch-module",
            "--enable-native-access",
            "--source",
        ],
        long_file: &["jar"],
        long_module: &["--module"],
        single_dash: true,
        bare: Bare::Module,
        ..NONE
    },
    Interpreter {
        names: &["php"],
        argument: "cdzSt",
        code: "rRBEF",
        file: "f",
        long_argument: &["--php-ini", "--define", "--server", "--docroot"],
        long_code: &[
            "--run",
            "--process-begin",
            "--process-code",
            "--process-file",
        ],
        long_file: &["--file"],
        ..NONE
    },
    Interpreter {
        names: &["lua", "luajit", "texlua"],
        argument: "elj",
        rest: "O",
        ..NONE
    },
    Interpreter {
        names: &["tclsh", "wish", "expect"],
        code: "c",
        file: "fb",
        long_argument: &["encoding"],
        single_dash: true,
        ..NONE
    },
    Interpreter {
        names: &["gjs", "gjs-console"],
        argument: "IC",
        code: "c",
        long_argument: &["--include-path", "--coverage-prefix", "--coverage-output"],
        long_code: &["--command"],
        ..NONE
    },
    Interpreter {
        names: &["awk", "gawk", "mawk", "original-awk"],
        argument: "vFil",
        file: "fE",
        long_argument: &["--assign", "--field-separator", "--include", "--load"],
        long_file: &["--file"],
        bare: Bare::Code,
        ..NONE
    },
    Interpreter {
        names: &["mono", "mono-sgen"],
        long_argument: &["--config"],
        ..NONE
    },
];

const NONE: Interpreter = Interpreter {
    names: &[],
    argument: "",
    rest: "",
    code: "",
    file: "",
    module: "",
    long_argument: &[],
    long_code: &[],
    long_file: &[],
    long_module: &[],
    single_dash: false,
    bare: Bare::Script,
};

/// Programs that start or are others and keep no name of their own: a desktop entry that starts
/// one of them is about the other.
const LAUNCHERS: [&str; 13] = [
    "busybox",
    "electron",
    "env",
    "flatpak",
    "gtk-launch",
    "pkexec",
    "snap",
    "sudo",
    "systemd-run",
    "toybox",
    "wine",
    "wine64",
    "xdg-open",
];

/// True if a file of this name runs other people's programs, so that no application is it.
pub(super) fn runs_others(file_name: &str) -> bool {
    interpreter(file_name).is_some() || LAUNCHERS.iter().any(|name| is_version_of(file_name, name))
}

pub(super) fn interpreter(file_name: &str) -> Option<&'static Interpreter> {
    INTERPRETERS.iter().find(|interpreter| {
        let mut names = interpreter.names.iter();
        names.any(|name| is_version_of(file_name, name))
    })
}

/// True for `python`, `python3` and `python3.13`.
fn is_version_of(file_name: &str, name: &str) -> bool {
    file_name.strip_prefix(name).is_some_and(|version| {
        version.is_empty() || version.starts_with(|c: char| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_others_is_no_application() {
        for name in ["python3", "python3.13", "bash", "env", "electron30", "java"] {
            assert!(runs_others(name), "{name}");
        }
        for name in ["firefox", "shotwell", "bashful", "javaws"] {
            assert!(!runs_others(name), "{name}");
        }
    }
}
