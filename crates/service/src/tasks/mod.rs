//! Tasks: the use cases. Their rules are in `mc_model::task`.

mod change;
mod comments;
mod create;
mod delete;
mod lists;
mod ripples;

use mc_model::task::{TaskFilter, TaskView};
use mc_model::{Page, PageRequest, Result};
use mc_store as store;

use crate::Services;
use crate::access::BoardReader;

impl Services {
    /// The tasks of the board that pass `filter`, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_tasks(
        &self,
        on: &BoardReader,
        filter: &TaskFilter,
        page: PageRequest,
    ) -> Result<Page<TaskView>> {
        store::tasks::list(self.store.reader(), on.board.id, filter, page).await
    }
}
