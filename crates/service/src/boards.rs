//! Boards.

use mc_model::board::Board;
use mc_model::{Page, PageRequest, Result};
use mc_store as store;

use crate::Services;
use crate::access::AgentSession;

impl Services {
    /// The boards an agent reaches: its own, or all that its gateway serves for a main agent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn boards_of_agent(&self, session: &AgentSession, page: PageRequest) -> Result<Page<Board>> {
        let reader = self.store.reader();
        let Some(own) = session.agent.board_id else {
            return store::boards::of_gateway(
                reader,
                session.organization_id,
                session.agent.gateway_id,
                page,
            )
            .await;
        };
        let board = store::access::board(reader, own).await?;
        let total = i64::from(board.is_some());
        let items = board.into_iter().filter(|_| page.offset == 0).collect();
        Ok(Page::new(items, total, page))
    }
}
