//! `org.bastionfirewall.Helper1.Rules`.

use std::sync::Arc;

use bastion_ipc::Error;
use bastion_ipc::names::action;
use bastion_ipc::wire::{AnswerScope, ExplainQuery, Explanation, Suggestion, WireRule, rule_id};
use zbus::message::Header;

use super::access::{Access, Admitted, bounded};
use super::backend::{Backend, Caller};

/// Most rules removed by one call.
const MAX_REMOVED: usize = 10_000;

pub(super) struct Rules {
    pub(super) access: Arc<Access>,
}

impl Rules {
    /// Admits who reviews suggestions: their own, as they answer questions about their own
    /// processes, or everybody's, as they change rules. Also gives whose they are.
    async fn admit_reviewer(
        &self,
        header: &Header<'_>,
        everybody: bool,
    ) -> Result<(Admitted, Option<u32>), Error> {
        let action = match everybody {
            true => action::MANAGE_RULES,
            false => action::ANSWER,
        };
        let admitted = self.access.admit(header, action).await?;
        let whose = (!everybody).then_some(admitted.uid);
        Ok((admitted, whose))
    }

    async fn set_dropped(
        &self,
        header: &Header<'_>,
        ids: Vec<u64>,
        everybody: bool,
        dropped: bool,
    ) -> Result<(), Error> {
        let (admitted, whose) = self.admit_reviewer(header, everybody).await?;
        let ids = Suggestion::named(ids)?;
        let count = ids.len();
        self.access
            .run(move |backend| backend.set_dropped(&ids, whose, dropped))
            .await??;
        tracing::info!(uid = admitted.uid, count, dropped, "suggestions reviewed");
        Ok(())
    }
}

#[zbus::interface(name = "org.bastionfirewall.Helper1.Rules", introspection_docs = false)]
impl Rules {
    #[zbus(out_args("rules"))]
    async fn list(&self, #[zbus(header)] header: Header<'_>) -> Result<Vec<WireRule>, Error> {
        let admitted = self.access.admit(&header, action::VIEW).await?;
        // Who may change every rule may see every rule.
        let everything = [action::VIEW_ALL, action::MANAGE_RULES];
        let seen_by = (!self.access.may(&header, &everything).await).then_some(admitted.uid);
        let rules = self.access.run(move |backend| backend.rules(seen_by));
        bounded(rules.await?)
    }

    #[zbus(out_args("id"))]
    async fn add(
        &self,
        #[zbus(header)] header: Header<'_>,
        rule: WireRule,
    ) -> Result<String, Error> {
        let admitted = self.access.admit(&header, action::MANAGE_RULES).await?;
        let rule = rule.for_adding()?;
        let resolved = self.access.callers().resolve(&admitted.sender).await?;
        let caller: Caller = resolved.caller;
        let added = move |backend: &dyn Backend| backend.add_rule(&rule, &caller);
        let id = self.access.run(added).await??;
        tracing::info!(uid = admitted.uid, %id, "rule added");
        Ok(id.to_string())
    }

    async fn replace(
        &self,
        #[zbus(header)] header: Header<'_>,
        rule: WireRule,
    ) -> Result<(), Error> {
        let admitted = self.access.admit(&header, action::MANAGE_RULES).await?;
        let rule = rule.for_replacing()?;
        let id = rule.id.clone();
        self.access
            .run(move |backend| backend.replace_rule(&rule))
            .await??;
        tracing::info!(uid = admitted.uid, id, "rule replaced");
        Ok(())
    }

    async fn remove(
        &self,
        #[zbus(header)] header: Header<'_>,
        ids: Vec<&str>,
    ) -> Result<(), Error> {
        let admitted = self.access.admit(&header, action::MANAGE_RULES).await?;
        if ids.len() > MAX_REMOVED {
            return Err(Error::LimitReached(format!(
                "at most {MAX_REMOVED} rules can be removed at once"
            )));
        }
        let mut ids = ids
            .into_iter()
            .map(rule_id)
            .collect::<Result<Vec<_>, _>>()?;
        ids.sort_unstable();
        ids.dedup();
        let count = ids.len();
        self.access
            .run(move |backend| backend.remove_rules(&ids))
            .await??;
        tracing::info!(uid = admitted.uid, count, "rules removed");
        Ok(())
    }

    async fn set_enabled(
        &self,
        #[zbus(header)] header: Header<'_>,
        id: &str,
        enabled: bool,
    ) -> Result<(), Error> {
        let admitted = self.access.admit(&header, action::MANAGE_RULES).await?;
        let id = rule_id(id)?;
        let wanted = id.clone();
        self.access
            .run(move |backend| backend.enable_rule(&wanted, enabled))
            .await??;
        tracing::info!(uid = admitted.uid, %id, enabled, "rule switched");
        Ok(())
    }

    #[zbus(out_args("explanation"))]
    async fn explain(
        &self,
        #[zbus(header)] header: Header<'_>,
        query: ExplainQuery,
    ) -> Result<Explanation, Error> {
        let admitted = self.access.admit(&header, action::VIEW).await?;
        let query = query.checked()?;
        let uid = query.uid.unwrap_or(admitted.uid);
        if uid != admitted.uid {
            self.access.authorize(&header, action::VIEW_ALL).await?;
        }
        let explanation = self.access.run(move |backend| backend.explain(&query, uid));
        bounded(explanation.await??)
    }

    #[zbus(out_args("suggestions"))]
    async fn list_suggestions(
        &self,
        #[zbus(header)] header: Header<'_>,
        everybody: bool,
    ) -> Result<Vec<Suggestion>, Error> {
        let (_admitted, seen_by) = self.access.admit_viewer(&header, everybody).await?;
        let suggestions = self.access.run(move |backend| backend.suggestions(seen_by));
        bounded(suggestions.await??)
    }

    #[zbus(out_args("rules"))]
    async fn accept_suggestions(
        &self,
        #[zbus(header)] header: Header<'_>,
        ids: Vec<u64>,
        scope: &str,
        everybody: bool,
    ) -> Result<Vec<String>, Error> {
        let (admitted, whose) = self.admit_reviewer(&header, everybody).await?;
        let ids = Suggestion::named(ids)?;
        let scope = AnswerScope::parse(scope)?;
        let count = ids.len();
        let made = self
            .access
            .run(move |backend| backend.accept_suggestions(&ids, scope, whose))
            .await??;
        let rules = made.len();
        tracing::info!(uid = admitted.uid, count, rules, "suggestions accepted");
        Ok(made.iter().map(ToString::to_string).collect())
    }

    async fn drop_suggestions(
        &self,
        #[zbus(header)] header: Header<'_>,
        ids: Vec<u64>,
        everybody: bool,
    ) -> Result<(), Error> {
        self.set_dropped(&header, ids, everybody, true).await
    }

    async fn restore_suggestions(
        &self,
        #[zbus(header)] header: Header<'_>,
        ids: Vec<u64>,
        everybody: bool,
    ) -> Result<(), Error> {
        self.set_dropped(&header, ids, everybody, false).await
    }
}
