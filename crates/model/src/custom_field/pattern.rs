//! Patterns that operators give: matched in linear time where possible, within a bound otherwise.

/// The longest pattern, in characters.
const MAX_PATTERN: usize = 1_000;
/// The memory a compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 1 << 20;
/// How many steps a pattern with look-around may take before the value counts as not matching.
const MAX_STEPS: usize = 100_000;

/// A pattern that a whole text must match.
pub struct Pattern(Engine);

enum Engine {
    Linear(Box<regex::Regex>),
    /// Look-around and back-references need backtracking; it is bounded.
    Bounded(Box<fancy_regex::Regex>),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// One sentence with the reason.
    pub fn compile(source: &str) -> Result<Self, String> {
        if source.chars().count() > MAX_PATTERN {
            return Err(format!("validation_regex is longer than {MAX_PATTERN} characters."));
        }
        let source = translate(source);
        let whole = format!(r"\A(?:{source})\z");
        match regex::RegexBuilder::new(&whole).size_limit(MAX_COMPILED).build() {
            Ok(linear) => Ok(Self(Engine::Linear(Box::new(linear)))),
            Err(regex::Error::CompiledTooBig(_)) => Err("validation_regex is too large.".to_owned()),
            Err(_) => fancy_regex::RegexBuilder::new(&whole)
                .backtrack_limit(MAX_STEPS)
                .delegate_size_limit(MAX_COMPILED)
                .build()
                .map(|bounded| Self(Engine::Bounded(Box::new(bounded))))
                .map_err(|_| "validation_regex is not a valid pattern.".to_owned()),
        }
    }

    /// Whether the whole `text` matches.
    ///
    /// # Errors
    /// When the pattern needs too many steps for this text.
    pub fn matches(&self, text: &str) -> Result<bool, String> {
        match &self.0 {
            Engine::Linear(regex) => Ok(regex.is_match(text)),
            Engine::Bounded(regex) => {
                regex.is_match(text).map_err(|_| "the pattern needs too many steps for this value".to_owned())
            }
        }
    }
}

/// Python spells the end of the text `\Z`; here that is `\z`.
fn translate(source: &str) -> String {
    let mut translated = String::with_capacity(source.len());
    let mut characters = source.chars();
    while let Some(character) = characters.next() {
        translated.push(character);
        if character == '\\' {
            match characters.next() {
                Some('Z') => translated.push('z'),
                Some(escaped) => translated.push(escaped),
                None => {}
            }
        }
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> Result<bool, String> {
        Pattern::compile(pattern)?.matches(text)
    }

    #[test]
    fn matches_the_whole_text_only() {
        assert_eq!(matches("[A-Z]{3}", "ABC"), Ok(true));
        assert_eq!(matches("[A-Z]{3}", "ABCD"), Ok(false));
        assert_eq!(matches("a|ab", "ab"), Ok(true));
        assert_eq!(matches("^a$", "a"), Ok(true));
        assert_eq!(matches(r"a\Z", "a"), Ok(true));
        assert_eq!(matches("(?P<x>a)", "a"), Ok(true));
    }

    #[test]
    fn look_around_works_within_a_bound() {
        assert_eq!(matches(r"(?!foo)\w+", "bar"), Ok(true));
        assert_eq!(matches(r"(?!foo)\w+", "foobar"), Ok(false));
        let hostile = r"(?=a)(\w+\w+)+(?!b)x";
        assert!(matches(hostile, &"a".repeat(200)).is_err());
        assert_eq!(matches(r"(a+)+b", &"a".repeat(5_000)), Ok(false));
    }

    #[test]
    fn refuses_what_does_not_compile() {
        for wrong in ["(", "[a", r"(?<", "a{99999999}", &"a".repeat(1_001)] {
            assert!(Pattern::compile(wrong).is_err(), "{wrong:.20}");
        }
    }
}
