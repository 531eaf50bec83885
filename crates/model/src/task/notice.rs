//! What agents are told about tasks (tasks spec §7).

use crate::ids::AgentId;

/// The kind of a notice: its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// A person created a task; for the lead.
    NewTaskAdded,
    /// A task was assigned; for the assignee.
    TaskAssigned,
    /// A task in review was assigned to the lead.
    TaskReadyForLeadReview,
    /// A task lost its worker; for the lead.
    TaskBackInInbox,
    /// A task was taken from its worker because it waits for others; for that worker.
    TaskBlocked,
    /// The last task that this one waited for is done; for its worker, else the lead.
    TaskUnblocked,
    /// The lead sent a task back; for its worker.
    ChangesRequested,
    /// A person decided an approval; for the lead.
    ApprovalResolved,
    /// Somebody named the agent in a comment.
    TaskMention,
    /// Somebody commented on the agent's task.
    NewTaskComment,
    /// The agent started a task that it already had: no text, only a wake-up.
    Started,
}

impl NoticeKind {
    /// The first line of the message and the name in the outbox.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewTaskAdded => "NEW TASK ADDED",
            Self::TaskAssigned => "TASK ASSIGNED",
            Self::TaskReadyForLeadReview => "TASK READY FOR LEAD REVIEW",
            Self::TaskBackInInbox => "TASK BACK IN INBOX",
            Self::TaskBlocked => "TASK BLOCKED",
            Self::TaskUnblocked => "TASK UNBLOCKED",
            Self::ChangesRequested => "CHANGES REQUESTED",
            Self::ApprovalResolved => "APPROVAL RESOLVED",
            Self::TaskMention => "TASK MENTION",
            Self::NewTaskComment => "NEW TASK COMMENT",
            Self::Started => "TASK STARTED",
        }
    }

    /// Why the agent is woken, for the kinds that wake.
    #[must_use]
    pub fn wake_reason(self) -> Option<&'static str> {
        match self {
            Self::TaskAssigned | Self::TaskReadyForLeadReview => Some("assignment"),
            Self::Started => Some("status_in_progress"),
            _ => None,
        }
    }
}

/// A notice to one agent, to be written to the outbox with the change that causes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// Kind.
    pub kind: NoticeKind,
    /// Recipient.
    pub to: AgentId,
}
