//! Names on the bus and in polkit.

/// The application, its desktop file and its D-Bus activation name.
pub const APP_ID: &str = "org.bastionfirewall.Bastion";
/// The helper's well-known name on the system bus.
pub const HELPER: &str = "org.bastionfirewall.Helper1";
/// The one object of the helper; it carries all interfaces.
pub const HELPER_PATH: &str = "/org/bastionfirewall/Helper1";
/// Where an agent should serve [`AGENT_INTERFACE`]; it may register another path.
pub const AGENT_PATH: &str = "/org/bastionfirewall/Agent1";
/// The interface of agents.
pub const AGENT_INTERFACE: &str = "org.bastionfirewall.Agent1";

/// Reason of a withdrawal when the question went to another agent.
pub const MOVED: &str = "moved";

/// polkit actions; `data/org.bastionfirewall.policy` describes them to users.
pub mod action {
    /// See state, rules and one's own connections.
    pub const VIEW: &str = "org.bastionfirewall.view";
    /// See the connections of other users.
    pub const VIEW_ALL: &str = "org.bastionfirewall.view-all";
    /// Answer questions about one's own processes.
    pub const ANSWER: &str = "org.bastionfirewall.answer";
    /// Answer questions about processes of the system or of other users.
    pub const ANSWER_OTHERS: &str = "org.bastionfirewall.answer-others";
    /// Add, change and remove rules.
    pub const MANAGE_RULES: &str = "org.bastionfirewall.manage-rules";
    /// Change modes and settings.
    pub const CONFIGURE: &str = "org.bastionfirewall.configure";

    /// Every action.
    pub const ALL: [&str; 6] = [
        VIEW,
        VIEW_ALL,
        ANSWER,
        ANSWER_OTHERS,
        MANAGE_RULES,
        CONFIGURE,
    ];
}
