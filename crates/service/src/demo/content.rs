//! The words of the demo: a small team that relaunches a web shop's checkout.

pub(super) const ORGANIZATION: &str = "Demo";
pub(super) const GATEWAY: &str = "Demo";
/// `.invalid` is reserved (RFC 2606): no machine will ever answer there, so nothing wakes a stranger's agents.
pub(super) const GATEWAY_URL: &str = "ws://demo-gateway.invalid:18789";
pub(super) const WORKSPACE_ROOT: &str = "~/.openclaw/demo";
pub(super) const BOARD: &str = "Checkout relaunch";
pub(super) const BOARD_SLUG: &str = "checkout-relaunch";
pub(super) const BOARD_DESCRIPTION: &str = "A board to look at and play with. Its agents follow a script; `mission-control demo --clean` removes it all.";
pub(super) const OBJECTIVE: &str = "Ship the new checkout without losing a single order.";
pub(super) const LEAD: &str = "Lead Agent";
pub(super) const MAIN: &str = "Demo Gateway Agent";
pub(super) const WORKERS: [&str; 2] = ["Ada", "Grace"];
/// As many workers as there are, so that the lead is not asked to hire.
pub(super) const MAX_AGENTS: i32 = 2;

/// A task as the demo board starts with it.
pub(super) struct TaskText {
    pub title: &'static str,
    pub description: &'static str,
    pub priority: &'static str,
    /// The place in the list of an earlier task that must be done first.
    pub after: Option<usize>,
}

pub(super) const TASKS: [TaskText; 8] = [
    TaskText {
        title: "Find out why some carts lose their last item",
        description: "Three customers reported it since Monday. Start with the session timeout.",
        priority: "high",
        after: None,
    },
    TaskText {
        title: "Write tests for the voucher rules",
        description: "Two vouchers at once, an expired one, one for another country.",
        priority: "medium",
        after: None,
    },
    TaskText {
        title: "Shorten the address form",
        description: "Ask for what the carrier needs and nothing else.",
        priority: "medium",
        after: None,
    },
    TaskText {
        title: "Retry failed card payments once",
        description: "Only on a timeout of the provider, with the same idempotency key.",
        priority: "high",
        after: None,
    },
    TaskText {
        title: "Explain delivery times before payment",
        description: "One sentence beside the total; no link to a table.",
        priority: "low",
        after: None,
    },
    TaskText {
        title: "Measure how long the payment page takes",
        description: "From the click to the first paint, at the slowest tenth of visits.",
        priority: "medium",
        after: Some(3),
    },
    TaskText {
        title: "Check the checkout with a screen reader",
        description: "Every field has a name, every error is read out.",
        priority: "medium",
        after: None,
    },
    TaskText {
        title: "Draft the note to customers about the new checkout",
        description: "Five lines, no superlatives.",
        priority: "low",
        after: Some(4),
    },
];
