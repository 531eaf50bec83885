//! SPDX expressions, as far as crates use them.

/// Licences under which we may pass on a binary. Each asks at most that the notice is kept.
const ALLOWED: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether `expression` can be met with allowed licences: `OR` (or the old `/`) needs one side, `AND` both.
pub(crate) fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, position: 0 };
    let allowed = parser.any();
    parser.position == words.len() && allowed
}

struct Parser<'a> {
    words: &'a [&'a str],
    position: usize,
}

impl Parser<'_> {
    fn take(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.position) == Some(&word);
        self.position += usize::from(is_next);
        is_next
    }

    fn any(&mut self) -> bool {
        let mut allowed = self.all();
        while self.take("OR") {
            allowed |= self.all();
        }
        allowed
    }

    fn all(&mut self) -> bool {
        let mut allowed = self.one();
        while self.take("AND") {
            allowed &= self.one();
        }
        allowed
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let allowed = self.any();
            return self.take(")") && allowed;
        }
        let Some(name) = self.words.get(self.position) else { return false };
        self.position += 1;
        let mut name = (*name).to_owned();
        if self.take("WITH") {
            let exception = self.words.get(self.position).copied().unwrap_or_default();
            self.position += 1;
            name = format!("{name} WITH {exception}");
        }
        ALLOWED.contains(&name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn expressions_are_read_as_spdx_defines_them() {
        for (expression, expected) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only", false),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only AND MIT", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(MIT OR Apache-2.0) AND GPL-2.0", false),
            ("MIT OR GPL-2.0 AND LGPL-2.1", true),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0", true),
            ("GPL-2.0 WITH Classpath-exception-2.0", false),
            ("", false),
            ("MIT MIT", false),
            ("(MIT", false),
        ] {
            assert_eq!(is_allowed(expression), expected, "{expression:?}");
        }
    }
}
