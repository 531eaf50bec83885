//! Mentions in comments (tasks spec §6.3): `@` with a letter and up to 31 letters, digits, `_` or `-`.

use std::collections::HashSet;

use crate::ids::AgentId;

/// The longest name a mention takes, in characters.
const MAX_NAME: usize = 32;

/// An agent that a comment may address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mentionable {
    /// Identifier.
    pub id: AgentId,
    /// Name.
    pub name: String,
    /// Answers to `@lead`.
    pub is_board_lead: bool,
}

/// The agents of `board_agents` that `text` addresses, without `author`, in the given order.
#[must_use]
pub fn mentions(text: &str, board_agents: &[Mentionable], author: Option<AgentId>) -> Vec<AgentId> {
    let mut names = tokens(text);
    if names.is_empty() {
        return Vec::new();
    }
    let lead = names.remove("lead");
    board_agents
        .iter()
        .filter(|agent| Some(agent.id) != author)
        .filter(|agent| (lead && agent.is_board_lead) || answers_to(&agent.name, &names))
        .map(|agent| agent.id)
        .collect()
}

fn answers_to(name: &str, names: &HashSet<String>) -> bool {
    let full = name.trim().to_lowercase();
    let first = full.split_whitespace().next().unwrap_or_default();
    names.contains(&full) || names.contains(first)
}

/// The lower-case names after each `@`.
fn tokens(text: &str) -> HashSet<String> {
    text.split('@')
        .skip(1)
        .filter(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic()))
        .map(|rest| {
            rest.chars()
                .take(MAX_NAME)
                .take_while(|&next| next.is_alphanumeric() || next == '_' || next == '-')
                .collect::<String>()
                .to_lowercase()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, is_board_lead: bool) -> Mentionable {
        Mentionable { id: AgentId::generate(), name: name.into(), is_board_lead }
    }

    #[test]
    fn addresses_by_full_first_and_lead_name_but_never_the_author() {
        let board = [agent("Lead Agent", true), agent("Ada Worker", false), agent("Lead", false)];
        let found = |text: &str, author: Option<usize>| -> Vec<usize> {
            mentions(text, &board, author.map(|at| board[at].id))
                .into_iter()
                .filter_map(|id| board.iter().position(|agent| agent.id == id))
                .collect()
        };
        assert_eq!(found("@ada please", None), [1]);
        assert_eq!(found("@ADA and @lead", None), [0, 1]);
        assert_eq!(found("@ada", Some(1)), Vec::<usize>::new());
        assert_eq!(found("me@example.com", None), Vec::<usize>::new());
        assert_eq!(found("@lead-agent @1ada @", None), Vec::<usize>::new());
    }

    /// What `text` names, in alphabetical order.
    fn named(text: &str) -> Vec<String> {
        let mut names: Vec<_> = tokens(text).into_iter().collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_name_is_a_letter_and_up_to_31_letters_digits_underscores_and_hyphens() {
        let (longest, longer) = ("a".repeat(32), "a".repeat(40));
        for (text, wanted) in [
            ("@a", vec!["a"]),
            ("@A_b-9.", vec!["a_b-9"]),
            ("@jörg, @zoë", vec!["jörg", "zoë"]),
            ("@9lives @_x @-x @öle @", vec![]),
            ("@ada@bob", vec!["ada", "bob"]),
            ("@@ada", vec!["ada"]),
            ("(@ada)\n@Bob!", vec!["ada", "bob"]),
            ("@ada @ADA", vec!["ada"]),
            ("nobody", vec![]),
        ] {
            assert_eq!(named(text), wanted, "{text}");
        }
        for text in [&longest, &longer] {
            assert_eq!(named(&format!("@{text}")), std::slice::from_ref(&longest), "what is longer is cut");
        }
    }

    #[test]
    fn an_agent_answers_to_its_whole_name_or_the_first_word_of_it() {
        let board = [agent("  Ada  Lovelace ", false), agent("Grace", false), agent("Jörg-1 Müller", false)];
        let found = |text: &str| -> Vec<usize> {
            let found = mentions(text, &board, None);
            (0..board.len()).filter(|at| found.contains(&board[*at].id)).collect()
        };
        assert_eq!(found("@ada @grace @jörg-1"), [0, 1, 2]);
        assert_eq!(found("@lovelace @grac @graces @jörg @müller"), Vec::<usize>::new());
        assert_eq!(found("@GRACE"), [1]);
    }

    #[test]
    fn lead_means_leads_only_whatever_somebody_is_called() {
        let board = [agent("Lead", false), agent("lead the second", false), agent("Boss", true)];
        let found = |text: &str| mentions(text, &board, None);
        assert_eq!(found("@lead"), [board[2].id]);
        assert_eq!(found("@boss"), [board[2].id], "its own name is as good");
        assert_eq!(mentions("@lead", &board, Some(board[2].id)), [], "nobody mentions itself");
    }
}
