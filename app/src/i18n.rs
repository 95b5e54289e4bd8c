//! Translated texts. Messages are plain string literals with named placeholders in braces, so that
//! `po/update.sh` finds them and translators can reorder them.

use gettextrs::LocaleCategory;

/// Name of the message catalogue.
pub const DOMAIN: &str = "bastion";

/// Where catalogues are installed; packagers set `BASTION_LOCALEDIR` while building.
const LOCALE_DIR: &str = match option_env!("BASTION_LOCALEDIR") {
    Some(dir) => dir,
    None => "/usr/share/locale",
};

/// Takes the locale from the environment and binds the catalogue. Call it before any thread is
/// started.
///
/// # Errors
/// If the catalogue can't be bound; texts then stay in English.
pub fn init() -> std::io::Result<()> {
    // SAFETY: setlocale is not thread-safe. The caller is `main` before it starts any thread.
    unsafe { gettextrs::setlocale(LocaleCategory::LcAll, "") };
    // As gettext(1) has it: who tries a translation out need not install it.
    let directory = std::env::var_os("TEXTDOMAINDIR").unwrap_or_else(|| LOCALE_DIR.into());
    gettextrs::bindtextdomain(DOMAIN, std::path::PathBuf::from(directory))?;
    gettextrs::bind_textdomain_codeset(DOMAIN, "UTF-8")?;
    gettextrs::textdomain(DOMAIN)?;
    Ok(())
}

/// The translation of a message.
#[must_use]
pub fn gettext(message: &str) -> String {
    gettextrs::gettext(message)
}

/// The translation of a message with its placeholders filled in.
#[must_use]
pub fn gettext_f(message: &str, values: &[(&str, &str)]) -> String {
    fill(&gettextrs::gettext(message), values)
}

/// The translation of a message that counts something; `{n}` stands for the number.
#[must_use]
pub fn ngettext_f(one: &str, many: &str, n: u64, values: &[(&str, &str)]) -> String {
    let message = gettextrs::ngettext(one, many, u32::try_from(n).unwrap_or(u32::MAX));
    let number = n.to_string();
    let mut all = vec![("n", number.as_str())];
    all.extend_from_slice(values);
    fill(&message, &all)
}

/// Replaces each `{name}` once, from left to right; what a value contains is never replaced again,
/// and a name without a value stays as it is.
fn fill(message: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let named = after.split_once('}').and_then(|(name, tail)| {
            let value = values.iter().find(|(n, _)| *n == name)?.1;
            Some((value, tail))
        });
        match named {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_filled_in_once() {
        let filled = fill("{a} to {b}, {c}", &[("a", "{b}"), ("b", "x")]);
        assert_eq!(filled, "{b} to x, {c}");
        assert_eq!(fill("{", &[]), "{");
    }

    #[test]
    fn numbers_choose_the_form() {
        assert_eq!(ngettext_f("{n} rule", "{n} rules", 1, &[]), "1 rule");
        assert_eq!(ngettext_f("{n} rule", "{n} rules", 2, &[]), "2 rules");
    }
}
