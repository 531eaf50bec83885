//! Web assets that the server carries inside its binary.
//!
//! Plain data: no router, no HTTP types. The API crate turns each [`File`] into a route.
//!
//! The bundles of Swagger UI and Redoc come from their npm packages (`scripts/fetch-docs-ui` pins and
//! reproduces them) and are embedded compressed, as most clients ask for them that way. They are embedded
//! with `include_bytes!`: there are few of them, and a debug build then serves the same bytes as a release.

/// The bytes of a [`File`] as they lie in the binary.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// As they are.
    Plain(&'static [u8]),
    /// Compressed with gzip.
    Gzip(&'static [u8]),
}

/// One file and where it is served.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// The absolute path of its route, such as `/docs`.
    pub path: &'static str,
    /// The value of `content-type`.
    pub content_type: &'static str,
    /// The bytes.
    pub content: Content,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

macro_rules! page {
    ($path:literal, $type:ident, $file:literal) => {
        File {
            path: $path,
            content_type: $type,
            content: Content::Plain(include_bytes!(concat!("../assets/pages/", $file))),
        }
    };
}

macro_rules! bundle {
    ($name:literal, $type:ident) => {
        File {
            path: concat!("/docs/assets/", $name),
            content_type: $type,
            content: Content::Gzip(include_bytes!(concat!("../assets/docs/", $name, ".gz"))),
        }
    };
}

macro_rules! licence {
    ($name:literal) => {
        File {
            path: concat!("/docs/assets/", $name),
            content_type: TEXT,
            content: Content::Plain(include_bytes!(concat!("../assets/docs/", $name))),
        }
    };
}

/// The documentation pages and all they load. No file refers to an address outside the server.
pub const DOCUMENTATION: &[File] = &[
    page!("/docs", HTML, "docs.html"),
    page!("/docs/oauth2-redirect", HTML, "oauth2-redirect.html"),
    page!("/redoc", HTML, "redoc.html"),
    page!("/docs/assets/docs.js", SCRIPT, "docs.js"),
    page!("/docs/assets/redoc.js", SCRIPT, "redoc.js"),
    page!("/docs/assets/pages.css", STYLE, "pages.css"),
    bundle!("swagger-ui-bundle.js", SCRIPT),
    bundle!("swagger-ui.css", STYLE),
    bundle!("oauth2-redirect.js", SCRIPT),
    bundle!("redoc.standalone.js", SCRIPT),
    licence!("swagger-ui.LICENSE.txt"),
    licence!("redoc.LICENSE.txt"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_path_is_served_once() {
        let paths: HashSet<_> = DOCUMENTATION.iter().map(|file| file.path).collect();
        assert_eq!(paths.len(), DOCUMENTATION.len());
    }

    #[test]
    fn compressed_files_are_gzip_and_the_others_are_not() {
        for file in DOCUMENTATION {
            let (compressed, bytes) = match file.content {
                Content::Plain(bytes) => (false, bytes),
                Content::Gzip(bytes) => (true, bytes),
            };
            assert_eq!(bytes.starts_with(&[0x1f, 0x8b, 8]), compressed, "{}", file.path);
        }
    }

    #[test]
    fn pages_load_nothing_but_files_of_this_list() {
        for file in DOCUMENTATION.iter().filter(|file| file.content_type == HTML) {
            let Content::Plain(bytes) = file.content else { panic!("{} is compressed", file.path) };
            let text = std::str::from_utf8(bytes).expect("pages are UTF-8");
            assert!(!text.contains("//"), "{} names another host", file.path);
            let folder = file.path.rsplit_once('/').expect("paths are absolute").0;
            let sources = text.split("src=\"").skip(1).chain(text.split("stylesheet\" href=\"").skip(1));
            for source in sources.map(|rest| rest.split('"').next().unwrap_or_default()) {
                let target = format!("{folder}/{source}");
                assert!(DOCUMENTATION.iter().any(|other| other.path == target), "{target}");
            }
        }
    }
}
