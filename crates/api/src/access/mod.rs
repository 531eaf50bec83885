//! Who may call an operation: one declaration that enforces it and writes it into the document.
//!
//! `guard::<A>(routes!(handler), state)` runs the check of `A` before the handler and describes it: the security
//! scheme, the header and path parameters it reads, the limit it counts. The handler takes [`Granted<A>`], which only
//! that check can fill. An operation that is mounted without a guard has no access to anything.

mod credentials;
mod grants;
mod guard;
mod labels;
mod organization_grants;

pub use grants::{
    AgentOnBoard, AgentTaskOwner, AgentTaskReader, AgentTaskWriter, AgentWritesBoard, CurrentAgent,
    CurrentUser, LeadOnBoard, OrgMember, OwnAccount, OwnProfile, OwnToken, ReadBoard, ReadTask,
    UserDecidesApproval, UserTaskOwner, UserWritesBoard, WriteBoard, WriteTask,
};
pub use guard::{Access, AccessDoc, Granted, PathParameter, guard, operation_id, public};
pub(crate) use guard::{BROUGHT, described};
pub use labels::{AdminOfCustomField, AdminOfTag, MemberOnTag};
pub use organization_grants::{ManageInvite, ManageMember, OrgAdministrator, OrgProprietor, ReadMember};
