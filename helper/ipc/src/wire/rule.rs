use bastion_policy::rule::{Creator, Rule, RuleId};
use bastion_policy::text::RuleText;
use zbus::{DeserializeDict, SerializeDict, Type};

use super::WireError;

/// A rule on the bus: the fields of [`RuleText`], and what the helper knows about it besides.
/// Callers may leave out what the helper sets (`hits`, `last_hit`, `creator`, `created`) and, for
/// new rules, `id`. A new rule's `creator` may be `import`; all else that callers write there is
/// ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
#[expect(
    missing_docs,
    reason = "the fields are those of RuleSpec, described there"
)]
pub struct WireRule {
    pub id: Option<String>,
    pub name: String,
    pub enabled: Option<bool>,
    pub action: String,
    pub program: Option<String>,
    pub started_by: Option<String>,
    pub user: Option<String>,
    pub destination: Option<String>,
    pub ports: Option<String>,
    pub protocol: Option<String>,
    pub lifetime: Option<String>,
    pub priority: Option<String>,
    pub note: Option<String>,
    pub creator: Option<String>,
    pub created: Option<String>,
    /// How many flows it decided.
    pub hits: Option<u64>,
    /// When it last decided one.
    pub last_hit: Option<u64>,
}

impl WireRule {
    /// The rule as a record of text fields, with the defaults of [`RuleText`] for those left out.
    #[must_use]
    pub fn text(&self) -> RuleText {
        let or = |field: &Option<String>, default: &str| {
            field.clone().unwrap_or_else(|| default.to_owned())
        };
        RuleText {
            id: or(&self.id, ""),
            name: self.name.clone(),
            enabled: self.enabled.unwrap_or(true),
            action: self.action.clone(),
            program: or(&self.program, "any"),
            started_by: or(&self.started_by, ""),
            user: or(&self.user, "any"),
            destination: or(&self.destination, "any"),
            ports: or(&self.ports, "any"),
            protocol: or(&self.protocol, "any"),
            lifetime: or(&self.lifetime, "forever"),
            priority: or(&self.priority, "normal"),
            note: or(&self.note, ""),
            creator: or(&self.creator, "hand"),
            created: or(&self.created, ""),
        }
    }

    /// A rule of a file, to be added: it says that it was imported, and has no id yet.
    #[must_use]
    pub fn imported(rule: &Rule) -> Self {
        Self {
            id: None,
            creator: Some(Creator::Import.to_string()),
            ..Self::from(rule)
        }
    }

    /// True if the rule says that it was imported.
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.creator.as_deref().map(str::parse) == Some(Ok(Creator::Import))
    }

    /// The rule as somebody else may ask for it to be added: it makes sense, and what the helper
    /// alone sets (id, creator, time of making, hits) is left out, whatever the caller wrote there.
    /// Only that it was imported may be said of a rule.
    ///
    /// # Errors
    /// Names the field that makes no sense.
    pub fn for_adding(mut self) -> Result<Self, WireError> {
        let imported = self.is_imported();
        self.forget_what_the_helper_sets();
        self.creator = imported.then(|| Creator::Import.to_string());
        let mut text = self.text();
        // Any valid id does: the real one is given when the rule is added.
        text.id = "new".into();
        let _: Rule = text.parse()?;
        self.id = None;
        Ok(self)
    }

    /// As [`WireRule::for_adding`], for a rule that replaces the one of the same id.
    ///
    /// # Errors
    /// Names the field that makes no sense.
    pub fn for_replacing(mut self) -> Result<Self, WireError> {
        self.forget_what_the_helper_sets();
        let _: Rule = self.text().parse()?;
        Ok(self)
    }

    fn forget_what_the_helper_sets(&mut self) {
        self.creator = None;
        self.created = None;
        self.hits = None;
        self.last_hit = None;
    }
}

impl From<RuleText> for WireRule {
    fn from(text: RuleText) -> Self {
        Self {
            id: Some(text.id),
            name: text.name,
            enabled: Some(text.enabled),
            action: text.action,
            program: Some(text.program),
            started_by: Some(text.started_by),
            user: Some(text.user),
            destination: Some(text.destination),
            ports: Some(text.ports),
            protocol: Some(text.protocol),
            lifetime: Some(text.lifetime),
            priority: Some(text.priority),
            note: Some(text.note),
            creator: Some(text.creator),
            created: Some(text.created),
            hits: None,
            last_hit: None,
        }
    }
}

impl From<&Rule> for WireRule {
    fn from(rule: &Rule) -> Self {
        RuleText::from(rule).into()
    }
}

impl TryFrom<&WireRule> for Rule {
    type Error = WireError;

    fn try_from(wire: &WireRule) -> Result<Self, Self::Error> {
        Ok(wire.text().parse()?)
    }
}

/// The id of a rule.
///
/// # Errors
/// If it can't be one.
pub fn rule_id(text: &str) -> Result<RuleId, WireError> {
    text.parse().map_err(|e| WireError::new("id", e))
}
