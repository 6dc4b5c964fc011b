//! Rows of a catalog's answers, read from left to right. Asks nothing.

/// One row of the answer to a question about several places.
#[derive(Debug)]
pub(super) struct Answer<P> {
    /// Which of them.
    pub(super) place: P,
    /// What is behind it.
    pub(super) cells: std::vec::IntoIter<Option<String>>,
}

impl<P> Answer<P> {
    /// The next column, where it is not NULL.
    pub(super) fn cell(&mut self) -> Option<String> {
        self.cells.next().flatten()
    }

    /// The next column; empty where it is NULL.
    pub(super) fn text(&mut self) -> String {
        self.cell().unwrap_or_default()
    }

    /// The next column, where it is a number.
    pub(super) fn number<N: std::str::FromStr>(&mut self) -> Option<N> {
        self.cell()?.parse().ok()
    }
}
