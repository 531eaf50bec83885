//! Lists for people and for programs.

use std::io::IsTerminal;

use mc_model::Timestamp;
use mc_model::token::{ApiToken, OwnedToken};
use mc_service::admin::{OrganizationRow, UserRow};
use mc_service::tokens::MadeToken;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// How something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Aligned columns.
    Table,
    /// One JSON value.
    Json,
}

impl Form {
    /// JSON when asked for or when nobody reads along, else a table.
    pub fn of(is_json_wanted: bool) -> Self {
        if is_json_wanted || !std::io::stdout().is_terminal() { Self::Json } else { Self::Table }
    }
}

pub fn users(rows: &[UserRow], form: Form) -> String {
    match form {
        Form::Json => list(rows.iter().map(|row| {
            json!({
                "id": row.user.id, "email": row.user.email, "name": row.user.name,
                "sign_in_name": row.user.external_id, "organizations": row.organizations,
                "active_tokens": row.active_tokens,
            })
        })),
        Form::Table => table(
            ["ID", "E-MAIL", "NAME", "SIGN-IN NAME", "ORGANIZATIONS", "TOKENS"],
            rows.iter().map(|row| {
                [
                    row.user.id.to_string(),
                    or_dash(row.user.email.as_deref()),
                    or_dash(row.user.name.as_deref()),
                    row.user.external_id.clone(),
                    row.organizations.to_string(),
                    row.active_tokens.to_string(),
                ]
            }),
        ),
    }
}

pub fn organizations(rows: &[OrganizationRow], form: Form) -> String {
    match form {
        Form::Json => list(rows.iter().map(|row| {
            json!({
                "id": row.organization.id, "name": row.organization.name, "members": row.members,
                "boards": row.boards, "is_demo": row.organization.is_demo,
                "created_at": row.organization.created_at,
            })
        })),
        Form::Table => table(
            ["ID", "NAME", "MEMBERS", "BOARDS", "CREATED"],
            rows.iter().map(|row| {
                [
                    row.organization.id.to_string(),
                    row.organization.name.clone(),
                    row.members.to_string(),
                    row.boards.to_string(),
                    minute(Some(row.organization.created_at)),
                ]
            }),
        ),
    }
}

pub fn tokens(rows: &[OwnedToken], now: Timestamp, form: Form) -> String {
    match form {
        Form::Json => list(rows.iter().map(|row| {
            let mut shown = token_json(&row.token);
            shown["email"] = json!(row.email);
            shown["state"] = json!(state(&row.token, now));
            shown
        })),
        Form::Table => table(
            ["ID", "OWNER", "NAME", "SCOPE", "BOARD", "STATE", "EXPIRES", "LAST USED"],
            rows.iter().map(|row| {
                [
                    row.token.id.to_string(),
                    row.email.clone().unwrap_or_else(|| row.token.user_id.to_string()),
                    row.token.name.clone(),
                    row.token.scope.as_str().to_owned(),
                    row.token.board_id.map_or_else(|| "all".to_owned(), |board| board.to_string()),
                    state(&row.token, now).to_owned(),
                    row.token.expires_at.map_or_else(|| "never".to_owned(), |end| minute(Some(end))),
                    minute(row.token.last_used_at),
                ]
            }),
        ),
    }
}

pub fn made(made: &MadeToken, form: Form) -> String {
    let token = &made.token;
    let secret = made.secret.expose_secret();
    match form {
        Form::Json => {
            let mut shown = token_json(token);
            shown["token"] = json!(secret);
            format!("{shown:#}\n")
        }
        Form::Table => {
            let end = token.expires_at.map_or_else(
                || "until it is revoked".to_owned(),
                |end| format!("until {} UTC", minute(Some(end))),
            );
            format!(
                "{secret}\n\nThis is the token, shown this once. It works {end}, with the scope {}.\n\
                 Send it as `Authorization: Bearer …`. To end it: mission-control token revoke {}\n",
                token.scope.as_str(),
                token.id
            )
        }
    }
}

pub fn revoked(token: &ApiToken, form: Form) -> String {
    match form {
        Form::Json => format!("{:#}\n", token_json(token)),
        Form::Table => format!("Revoked \"{}\" ({}).\n", clean(&token.name), token.id),
    }
}

fn token_json(token: &ApiToken) -> Value {
    json!({
        "id": token.id, "user_id": token.user_id, "name": token.name, "scope": token.scope.as_str(),
        "board_id": token.board_id, "expires_at": token.expires_at, "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at, "created_at": token.created_at,
    })
}

fn state(token: &ApiToken, now: Timestamp) -> &'static str {
    match (token.revoked_at, token.is_active(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "active",
        (None, false) => "expired",
    }
}

fn list(rows: impl Iterator<Item = Value>) -> String {
    format!("{:#}\n", Value::Array(rows.collect()))
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// `2026-11-22 06:03`, or a dash.
fn minute(at: Option<Timestamp>) -> String {
    let text = at.map_or_else(|| "-".to_owned(), |at| at.to_string().replace('T', " "));
    text.chars().take("2026-11-22 06:03".len()).collect()
}

/// A text of a user must not steer the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn table<const N: usize>(titles: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.map(|row| row.map(|cell| clean(&cell))).collect();
    let mut widths = titles.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded: Vec<String> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(titles);
    for row in &rows {
        text.push_str(&line(row.each_ref().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use mc_model::ids::{ApiTokenId, UserId};
    use mc_model::token::TokenScope;

    use super::*;

    fn row() -> OwnedToken {
        let at = Timestamp::parse_iso("2026-01-02T03:04:05").expect("a moment");
        let token = ApiToken {
            id: ApiTokenId(uuid_of(1)),
            user_id: UserId(uuid_of(2)),
            organization_id: None,
            board_id: None,
            name: "C\u{1b}[31mI".to_owned(),
            scope: TokenScope::Write,
            expires_at: None,
            last_used_at: Some(at),
            revoked_at: None,
            created_at: at,
        };
        OwnedToken { token, email: Some("a@example.com".to_owned()) }
    }

    fn uuid_of(number: u8) -> uuid::Uuid {
        uuid::Uuid::from_bytes([number; 16])
    }

    #[test]
    fn tables_are_aligned_and_cannot_steer_the_terminal() {
        let now = Timestamp::parse_iso("2026-02-01").expect("a date");
        let shown = tokens(&[row()], now, Form::Table);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "ID                                    OWNER          NAME     SCOPE  BOARD  STATE   EXPIRES  LAST USED",
                "01010101-0101-0101-0101-010101010101  a@example.com  C [31mI  write  all    active  never    \
                 2026-01-02 03:04",
            ]
        );
    }

    #[test]
    fn json_says_everything_but_the_token() {
        let now = Timestamp::parse_iso("2026-02-01").expect("a date");
        let shown: Value = serde_json::from_str(&tokens(&[row()], now, Form::Json)).expect("JSON");
        assert_eq!(shown[0]["scope"], "write");
        assert_eq!(shown[0]["state"], "active");
        assert_eq!(shown[0]["last_used_at"], "2026-01-02T03:04:05");
        assert!(shown[0].get("token").is_none());
    }
}
