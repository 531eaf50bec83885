//! What handlers and guards share.

use std::ops::Deref;
use std::sync::Arc;

use mc_service::Services;

use crate::limit::{Limiter, Rule};
use crate::settings::{HttpSettings, Limits};

/// The application as handlers see it. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

#[doc(hidden)]
pub struct Parts {
    /// The use cases.
    pub services: Services,
    limiter: Limiter,
    limits: Limits,
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl AppState {
    /// The state of a server with these settings.
    #[must_use]
    pub fn new(services: Services, limiter: Limiter, settings: &HttpSettings) -> Self {
        Self(Arc::new(Parts { services, limiter, limits: settings.limits }))
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// The limit on attempts to authenticate as an agent (platform spec §12.1).
    pub(crate) fn agent_auth_rule(&self) -> Rule {
        Rule { namespace: AGENT_AUTH, limit: self.limits.agent_auth }
    }
}

/// The name of the limit on attempts to authenticate as an agent.
pub(crate) const AGENT_AUTH: &str = "agent_auth";
