//! `%(name)s` and `%%`: Python's `BasicInterpolation`.

/// How deep one value may refer to another: Python's `MAX_INTERPOLATION_DEPTH`.
pub const MAX_DEPTH: usize = 10;

/// How much work the values of one section may take: the bytes they write, and a price for each
/// step.
///
/// Ten levels of references multiply: a file of a few kilobytes can ask for more text than there is
/// memory. Python then takes the memory; a master that reloads its file must not.
const BUDGET: usize = 16 << 20;

/// What a step costs that may write nothing: a name that is looked up, a piece of text that is
/// copied.
const STEP: usize = 64;

/// A value that does not resolve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InterpolationError {
    /// Python's `InterpolationMissingOptionError`.
    #[error("%({0})s names no key of this section")]
    Missing(String),
    /// Python's `InterpolationSyntaxError`: `%` before something else, or `%(` without its end.
    #[error("expected %% or %(key)s at \"{0}\"; write %% for a percent sign")]
    Syntax(String),
    /// Python's `InterpolationDepthError`.
    #[error("refers to itself, or through more than {MAX_DEPTH} keys")]
    Depth,
    /// The section's values grow past what any configuration needs.
    #[error("its references multiply beyond {} MiB of text", BUDGET >> 20)]
    TooLarge,
}

/// What a name stands for.
pub(crate) enum Found<'a> {
    /// Text of the file, to be interpolated in its turn.
    Template(&'a str),
    /// Text from elsewhere, taken as it is.
    Literal(&'a str),
}

/// Resolves the values of one section; its budget is shared by all of them.
pub(crate) struct Interpolator<F> {
    lookup: F,
    left: usize,
}

impl<'a, F: Fn(&str) -> Option<Found<'a>>> Interpolator<F> {
    /// `lookup` is given names in lower case.
    pub(crate) fn new(lookup: F) -> Self {
        Self { lookup, left: BUDGET }
    }

    pub(crate) fn resolve(&mut self, template: &str) -> Result<String, InterpolationError> {
        let mut resolved = String::new();
        self.expand(template, &mut resolved, 1)?;
        Ok(resolved)
    }

    fn expand(
        &mut self,
        template: &str,
        out: &mut String,
        depth: usize,
    ) -> Result<(), InterpolationError> {
        if depth > MAX_DEPTH {
            return Err(InterpolationError::Depth);
        }
        for token in tokens(template) {
            match token? {
                Token::Text(text) => self.push(text, out)?,
                Token::Reference(name) => match (self.lookup)(&name) {
                    None => return Err(InterpolationError::Missing(name)),
                    Some(Found::Template(text)) if text.contains('%') => {
                        self.spend(STEP)?;
                        self.expand(text, out, depth + 1)?;
                    }
                    Some(Found::Template(text) | Found::Literal(text)) => self.push(text, out)?,
                },
            }
        }
        Ok(())
    }

    fn push(&mut self, text: &str, out: &mut String) -> Result<(), InterpolationError> {
        self.spend(STEP + text.len())?;
        out.push_str(text);
        Ok(())
    }

    fn spend(&mut self, amount: usize) -> Result<(), InterpolationError> {
        self.left = self.left.checked_sub(amount).ok_or(InterpolationError::TooLarge)?;
        Ok(())
    }
}

/// The names that a value refers to, in lower case, as far as it is well-formed.
pub(crate) fn references(template: &str) -> impl Iterator<Item = String> {
    tokens(template).filter_map(|token| match token {
        Ok(Token::Reference(name)) => Some(name),
        _ => None,
    })
}

enum Token<'a> {
    Text(&'a str),
    Reference(String),
}

/// Splits a value at its percent signs; ends at the first malformed one.
fn tokens(template: &str) -> impl Iterator<Item = Result<Token<'_>, InterpolationError>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (token, behind) = match token(rest) {
            Some((token, behind)) => (Ok(token), behind),
            None => (Err(InterpolationError::Syntax(crate::text::excerpt(rest))), ""),
        };
        rest = behind;
        Some(token)
    })
}

fn token(rest: &str) -> Option<(Token<'_>, &str)> {
    match rest.find('%') {
        None => return Some((Token::Text(rest), "")),
        Some(0) => {}
        Some(sign) => return Some((Token::Text(&rest[..sign]), &rest[sign..])),
    }
    let behind = &rest[1..];
    if let Some(behind) = behind.strip_prefix('%') {
        return Some((Token::Text("%"), behind));
    }
    let (name, behind) = behind.strip_prefix('(')?.split_once(')')?;
    let behind = behind.strip_prefix('s').filter(|_| !name.is_empty())?;
    Some((Token::Reference(name.to_lowercase()), behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(template: &str, keys: &[(&str, &str)]) -> Result<String, InterpolationError> {
        let keys: std::collections::HashMap<&str, &str> = keys.iter().copied().collect();
        Interpolator::new(|name: &str| keys.get(name).copied().map(Found::Template))
            .resolve(template)
    }

    #[test]
    fn references_and_escapes() {
        assert_eq!(resolve("100%% of %(A)s!", &[("a", "b%%c")]).as_deref(), Ok("100% of b%c!"));
        assert_eq!(resolve("%(a b)s", &[("a b", "")]).as_deref(), Ok(""));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for bad in ["%", "50% off", "%()s", "%(a)", "%(a)d", "%(a", "%(a)s%"] {
            let error = resolve(bad, &[("a", "1")]).unwrap_err();
            assert!(matches!(error, InterpolationError::Syntax(_)), "{bad}: {error}");
        }
        assert_eq!(resolve("%(x)s", &[]), Err(InterpolationError::Missing("x".into())));
        assert_eq!(resolve("%(a)s", &[("a", "%(a)s")]), Err(InterpolationError::Depth));
    }

    #[test]
    fn ten_levels_pass_and_eleven_do_not() {
        let names: Vec<String> = (0..12).map(|n| format!("k{n}")).collect();
        let values: Vec<String> = (1..13).map(|n| format!("%(k{n})s")).collect();
        let chain = |length: usize| {
            let mut keys: Vec<(&str, &str)> =
                names.iter().zip(&values).map(|(n, v)| (n.as_str(), v.as_str())).collect();
            keys.truncate(length);
            keys.push((names[length].as_str(), "end"));
            resolve("%(k0)s", &keys)
        };
        assert_eq!(chain(9).as_deref(), Ok("end"));
        assert_eq!(chain(10), Err(InterpolationError::Depth));
    }

    #[test]
    fn a_bomb_is_defused() {
        let wide = |name: &str| format!("%({name})s").repeat(100);
        let (a, b, c, d, e) = (wide("b"), wide("c"), wide("d"), wide("e"), wide("f"));
        for f in ["%%", "", "x"] {
            let keys = [("b", &*b), ("c", &*c), ("d", &*d), ("e", &*e), ("f", f)];
            assert_eq!(resolve(&a, &keys), Err(InterpolationError::TooLarge));
        }
    }
}
