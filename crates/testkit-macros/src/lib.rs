//! `#[db_test]`: one test, run on both databases.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// Runs an `async fn` once on SQLite and once on PostgreSQL.
///
/// ```ignore
/// #[db_test]
/// async fn claim_of_a_taken_task_fails(backend: Backend) {
///     let database = TestDatabase::new(backend).await;
///     // …
/// }
/// ```
///
/// The function stays as it is, and beside it appears a module of its name with the tests `sqlite` and `postgres`;
/// each calls it on a runtime of several threads (`mc_testkit::database::run`). So a filter can say
/// `claim_of_a_taken_task_fails::postgres`, or `postgres` for all of them.
///
/// The function takes the back end, returns nothing and is not generic. `#[ignore]` and `#[should_panic]` are
/// refused: a test that may be left out on one database says nothing about two.
#[proc_macro_attribute]
pub fn db_test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let checked = no_arguments(arguments).and_then(|()| test_name(item.clone()));
    match checked {
        Ok(name) => {
            let mut output = item;
            output.extend(tests_calling(&name));
            output
        }
        Err(complaint) => {
            // The function itself is kept, so that the only error is ours.
            let mut output = complaint.into_compile_error();
            output.extend(item);
            output
        }
    }
}

struct Complaint {
    span: Span,
    message: &'static str,
}

impl Complaint {
    fn at(token: Option<&TokenTree>, message: &'static str) -> Self {
        Self { span: token.map_or_else(Span::call_site, TokenTree::span), message }
    }

    fn into_compile_error(self) -> TokenStream {
        let error = format!("::core::compile_error!({:?});", self.message);
        respan(parse(&error), self.span)
    }
}

fn no_arguments(arguments: TokenStream) -> Result<(), Complaint> {
    match arguments.into_iter().next() {
        None => Ok(()),
        Some(token) => Err(Complaint::at(Some(&token), "#[db_test] takes no arguments")),
    }
}

/// Walks over `#[…]* pub? async fn name(one parameter) { … }` and gives back the name.
fn test_name(item: TokenStream) -> Result<Ident, Complaint> {
    let mut tokens = item.into_iter().peekable();
    while is_punct(tokens.peek(), '#') {
        tokens.next();
        refuse_attribute(tokens.next().as_ref())?;
    }
    if is_word(tokens.peek(), "pub") {
        return Err(Complaint::at(tokens.peek(), "a test is private: remove `pub`"));
    }
    expect_word(tokens.next().as_ref(), "async", "#[db_test] goes on an `async fn`")?;
    expect_word(tokens.next().as_ref(), "fn", "#[db_test] goes on an `async fn`")?;
    let Some(TokenTree::Ident(name)) = tokens.next() else {
        return Err(Complaint::at(None, "#[db_test] goes on an `async fn` with a name"));
    };
    check_parameters(tokens.next().as_ref())?;
    match tokens.next() {
        Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => Ok(name),
        other => Err(Complaint::at(other.as_ref(), "a #[db_test] returns nothing: assert instead")),
    }
}

fn refuse_attribute(attribute: Option<&TokenTree>) -> Result<(), Complaint> {
    let Some(TokenTree::Group(group)) = attribute else { return Ok(()) };
    let first = group.stream().into_iter().next();
    if ["ignore", "should_panic", "test"].iter().any(|word| is_word(first.as_ref(), word)) {
        return Err(Complaint::at(
            first.as_ref(),
            "#[db_test] makes the tests itself and runs them on both databases, always",
        ));
    }
    Ok(())
}

fn check_parameters(parameters: Option<&TokenTree>) -> Result<(), Complaint> {
    const WANTED: &str = "a #[db_test] takes one parameter and is not generic: `(backend: Backend)`";
    let Some(TokenTree::Group(group)) = parameters else {
        return Err(Complaint::at(parameters, WANTED));
    };
    if group.delimiter() == Delimiter::Parenthesis && parameter_count(group) == 1 {
        return Ok(());
    }
    Err(Complaint::at(parameters, WANTED))
}

/// Commas at the top level part parameters; a trailing one does not count. The only generic type with a comma that
/// could stand here is not `Backend`, so angle brackets need no care.
fn parameter_count(group: &Group) -> usize {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    tokens.split(|token| is_punct(Some(token), ',')).filter(|part| !part.is_empty()).count()
}

fn tests_calling(name: &Ident) -> TokenStream {
    let tests: String = [("sqlite", "Sqlite"), ("postgres", "Postgres")]
        .iter()
        .map(|(test, backend)| {
            format!(
                "#[test] fn {test}() {{ \
                     ::mc_testkit::database::run(super::{name}(::mc_testkit::database::Backend::{backend})) \
                 }}"
            )
        })
        .collect();
    // The function's own span makes a failing type point at the function and a test runner show its line.
    respan(parse(&format!("mod {name} {{ {tests} }}")), name.span())
}

fn parse(source: &str) -> TokenStream {
    source.parse().expect("the text is ours and well formed")
}

/// Gives every token the place `span` stands for, keeping names visible to the caller.
fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| {
            let mut token = match token {
                TokenTree::Group(group) => {
                    TokenTree::Group(Group::new(group.delimiter(), respan(group.stream(), span)))
                }
                other => other,
            };
            token.set_span(span);
            token
        })
        .collect()
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_word(token: Option<&TokenTree>, wanted: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident.to_string() == wanted)
}

fn expect_word(token: Option<&TokenTree>, wanted: &str, message: &'static str) -> Result<(), Complaint> {
    if is_word(token, wanted) { Ok(()) } else { Err(Complaint::at(token, message)) }
}
