//! Examples of the rules.
