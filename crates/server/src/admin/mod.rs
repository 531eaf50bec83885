//! `mission-control user`, `org` and `token`: what the operator does on the database itself, beside a running server.
//!
//! Nothing is cached by the server that these commands change, so what they do counts from its next request on.

mod expiry;
mod show;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use mc_model::error::Detail;
use mc_model::ids::{ApiTokenId, BoardId};
use mc_model::token::{MAX_NAME, NewApiToken, TokenScope};
use mc_model::{Error, ErrorKind, SystemClock};
use mc_service::admin::Administration;
use mc_store::{Store, StoreOptions};

use crate::config::urls::DatabaseUrl;
use crate::start::StartError;
use expiry::Expiry;
use show::Form;

/// The database to work on, and how to print.
#[derive(Args, Debug)]
pub struct Place {
    /// Print JSON, which happens by itself when the output goes into a file or another program.
    #[arg(long)]
    pub json: bool,
    /// The server's database. Without it: the SQLite file in `DATA_DIR`.
    #[arg(long, help_heading = "Database", value_parser = DatabaseUrl::parse)]
    pub database_url: Option<DatabaseUrl>,
    /// The server's folder.
    #[arg(long, help_heading = "Database", default_value = "./data")]
    pub data_dir: PathBuf,
}

/// Commands on accounts.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List all accounts.
    List(Place),
}

/// Commands on organizations.
#[derive(Debug, Subcommand)]
pub enum OrgCommand {
    /// List all organizations.
    List(Place),
}

/// Commands on API tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token for an account; it is printed this once.
    Create(Create),
    /// List the tokens that work.
    List(List),
    /// End a token: the next request with it gets 401.
    Revoke(Revoke),
}

/// Options of `token create`.
#[derive(Args, Debug)]
pub struct Create {
    /// Whose token: e-mail address, id, or the sign-in name that `user list` shows.
    #[arg(long)]
    pub user: String,
    /// What it is for: `read`, `write` (includes read), or `admin` (everything the account may do).
    #[arg(long, default_value = "read", value_parser = scope)]
    pub scope: TokenScope,
    /// When it ends: after a time such as `12h`, `30d` or `8w`, on a date such as `2027-01-31`, or `never`.
    #[arg(long, default_value = "30d", value_parser = Expiry::parse)]
    pub expires: Expiry,
    /// The id of the only board it shall reach.
    #[arg(long, value_parser = board)]
    pub board: Option<BoardId>,
    /// What it is called in lists.
    #[arg(long, default_value = "made at the command line", value_parser = name)]
    pub name: String,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// Options of `token list`.
#[derive(Args, Debug)]
pub struct List {
    /// Only those of this account.
    #[arg(long)]
    pub user: Option<String>,
    /// Those that have expired or were revoked, too.
    #[arg(long)]
    pub all: bool,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// Options of `token revoke`.
#[derive(Args, Debug)]
pub struct Revoke {
    /// The id that `token list` shows.
    #[arg(value_parser = id)]
    pub id: ApiTokenId,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

fn scope(text: &str) -> Result<TokenScope, String> {
    TokenScope::from_name(text).ok_or_else(|| "there are read, write and admin".to_owned())
}

fn board(text: &str) -> Result<BoardId, String> {
    text.parse().map_err(|_| "write the id of a board, as the API shows it".to_owned())
}

fn id(text: &str) -> Result<ApiTokenId, String> {
    text.parse().map_err(|_| "write an id as `mission-control token list` shows it".to_owned())
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_NAME {
        return Err(format!("a name has 1 to {MAX_NAME} characters"));
    }
    Ok(text.to_owned())
}

/// Does what `command` says; what it returns is for standard output.
///
/// # Errors
/// When the database cannot be used; the message says what to do.
pub async fn users(command: &UserCommand) -> Result<String, StartError> {
    let UserCommand::List(place) = command;
    let rows = open(place).await?.users().await.map_err(|error| refused(error, LOOK))?;
    Ok(show::users(&rows, Form::of(place.json)))
}

/// Does what `command` says; what it returns is for standard output.
///
/// # Errors
/// When the database cannot be used; the message says what to do.
pub async fn organizations(command: &OrgCommand) -> Result<String, StartError> {
    let OrgCommand::List(place) = command;
    let rows = open(place).await?.organizations().await.map_err(|error| refused(error, LOOK))?;
    Ok(show::organizations(&rows, Form::of(place.json)))
}

/// Does what `command` says; what it returns is for standard output.
///
/// # Errors
/// When the database cannot be used, or the account, board or token is not there; the message says what to do.
pub async fn tokens(command: &TokenCommand) -> Result<String, StartError> {
    match command {
        TokenCommand::Create(create) => make(create).await,
        TokenCommand::List(list) => {
            let administration = open(&list.place).await?;
            let rows = administration.tokens(list.user.as_deref(), list.all).await;
            let rows = rows.map_err(|error| refused(error, LIST_USERS))?;
            Ok(show::tokens(&rows, administration.now(), Form::of(list.place.json)))
        }
        TokenCommand::Revoke(revoke) => {
            let administration = open(&revoke.place).await?;
            let ended = administration.revoke_token(revoke.id).await;
            let ended = ended.map_err(|error| refused(error, LIST_TOKENS))?;
            Ok(show::revoked(&ended, Form::of(revoke.place.json)))
        }
    }
}

async fn make(create: &Create) -> Result<String, StartError> {
    let administration = open(&create.place).await?;
    let new = NewApiToken {
        name: create.name.clone(),
        scope: create.scope,
        board_id: create.board,
        expires_at: create.expires.end(administration.now()),
    };
    let made = administration.create_token(&create.user, &new).await;
    let made = made.map_err(|error| {
        let fix = if error.kind() == ErrorKind::Invalid { CHOOSE_END } else { LIST_USERS };
        refused(error, fix)
    })?;
    Ok(show::made(&made, Form::of(create.place.json)))
}

const LOOK: &str = "run `mission-control doctor` to see which database is used, and that it is running";
const LIST_USERS: &str =
    "run `mission-control user list` to see the accounts, and check the board's id if you gave one";
const LIST_TOKENS: &str = "run `mission-control token list --all` to see the tokens";
const CHOOSE_END: &str = "choose another end, such as --expires 30d";

/// What the use case said, for a terminal; a fault of the database is not the user's to mend by other arguments.
fn refused(error: Error, fix: &str) -> StartError {
    let text = match (error.kind(), error.detail()) {
        (ErrorKind::Internal | ErrorKind::Unavailable, _) => {
            return StartError::new("the database cannot be used", LOOK).because(error.to_string());
        }
        (_, Detail::Text(text)) => text.trim_end_matches('.').to_owned(),
        _ => error.to_string(),
    };
    StartError::new(text, fix)
}

/// Opens the server's database; makes none, and changes no schema.
async fn open(place: &Place) -> Result<Administration, StartError> {
    let url = place.database_url.clone().unwrap_or_else(|| DatabaseUrl::sqlite_in(&place.data_dir));
    if let Some(file) = url.sqlite_file().filter(|file| !file.exists()) {
        return Err(StartError::new(
            format!("there is no database at {}", file.display()),
            "set DATA_DIR or DATABASE_URL as for the server, or start the server once: it makes one",
        ));
    }
    let options = StoreOptions { url: url.expose().to_owned() };
    let unusable = |error: Error| {
        StartError::new(
            format!("the database {url} cannot be opened"),
            "check DATABASE_URL, and that the database is running and reachable",
        )
        .because(error.to_string())
    };
    let store = Store::open(&options, Arc::new(SystemClock)).await.map_err(unusable)?;
    match store.pending_migrations().await.map_err(unusable)? {
        0 => Ok(Administration::new(store)),
        pending => Err(StartError::new(
            format!("the database lacks {pending} migrations of this version"),
            "run `mission-control migrate`, or use the program of the same version as the server",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_where_the_server_has_it() {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            place: Place,
        }
        let alone = <Alone as clap::Parser>::parse_from(["x"]);
        let known = crate::config::variables::variables();
        let default = known.iter().find(|variable| variable.name == "DATA_DIR").expect("a variable");
        assert_eq!(alone.place.data_dir.to_str(), default.default.as_deref());
    }

    #[test]
    fn names_and_scopes_are_checked() {
        assert_eq!(scope("write"), Ok(TokenScope::Write));
        assert!(scope("Write").is_err());
        assert_eq!(name(" CI ").as_deref(), Ok("CI"));
        assert!(name("  ").is_err() && name(&"x".repeat(101)).is_err());
    }
}
