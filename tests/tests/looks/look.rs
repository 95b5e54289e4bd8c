//! How a window looks to somebody: language, style and size.

use std::collections::BTreeMap;
use std::fmt;

use bastion_tests::{As, Sandbox};

/// Where the machine has its locales.
const LOCALES: &str = "/opt/locales";
/// Width and height of a window on a desktop.
pub const DESKTOP: (u32, u32) = (1280, 800);
/// On a telephone.
pub const TELEPHONE: (u32, u32) = (360, 720);

/// Light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Light,
    Dark,
}

impl Style {
    const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// What a locale begins with. There is no Arabic catalogue: it is there for its direction.
    language: &'static str,
    style: Style,
    /// Width and height of the main window.
    pub size: (u32, u32),
}

impl Look {
    pub const fn new(language: &'static str, style: Style, size: (u32, u32)) -> Self {
        Self {
            language,
            style,
            size,
        }
    }

    /// A file's name that no other look has.
    pub fn picture(self, page: &str) -> String {
        format!("real-{self}-{page}.png")
    }

    /// The program `env` with what makes a program of this look.
    pub fn environment(self) -> Vec<String> {
        let mut variables = vec![
            "env".into(),
            format!("ADW_DEBUG_COLOR_SCHEME=prefer-{}", self.style.name()),
        ];
        variables.extend(self.speaking());
        variables
    }

    fn speaking(self) -> [String; 3] {
        [
            format!("LOCPATH={LOCALES}"),
            format!("LC_ALL={}.UTF-8", self.language),
            format!("LANGUAGE={}", self.language),
        ]
    }

    /// Makes a locale, which is C but for its name: with that one nothing would be translated.
    pub fn install(self, sandbox: &Sandbox) {
        let language = self.language;
        let copy =
            format!("mkdir -p {LOCALES}; cp -rT /usr/lib/locale/C.utf8 {LOCALES}/{language}.utf8");
        sandbox.shell(&copy).unwrap();
    }

    /// What the app calls things, by what its source calls them: as it is translated, and without
    /// the underlines of mnemonics.
    pub fn words(self, sandbox: &Sandbox, messages: &[&'static str]) -> Words {
        let said = messages.iter().map(|&message| {
            let mut command = vec!["env".to_owned()];
            command.extend(self.speaking());
            command.extend(["gettext", "bastion", message].map(str::to_owned));
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            let said = sandbox.run(As::Root, &command).unwrap();
            (message, said.replace('_', ""))
        });
        Words(said.collect())
    }

    /// True where the app has a translation.
    pub fn is_translated(self) -> bool {
        self.language == "de"
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.language, self.style.name(), self.size.0)
    }
}

/// See [`Look::words`].
pub struct Words(BTreeMap<&'static str, String>);

impl Words {
    pub fn say(&self, message: &str) -> String {
        self.0[message].clone()
    }

    /// With what stands in the message's braces.
    pub fn with(&self, message: &str, values: &[(&str, &str)]) -> String {
        let fill = |said: String, (name, value): &(&str, &str)| {
            said.replace(&format!("{{{name}}}"), value)
        };
        values.iter().fold(self.say(message), fill)
    }
}
