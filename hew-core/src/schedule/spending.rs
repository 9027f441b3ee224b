//! What a run has spent, and what its running iterations are expected to spend.
//!
//! Invariant: an iteration is set aside for before it is begun, so that any number of workers together keep a limit as one
//! would.

use std::collections::BTreeMap;

use super::budget::Exhausted;
use crate::ids::IterationId;
use crate::settings::{Settings, Usd};

/// An amount of tokens and of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Tokens of all four kinds.
    pub tokens: u64,
    /// Money, as far as it is known.
    pub usd: Usd,
}

impl Amount {
    fn plus(self, more: Self) -> Self {
        let tokens = self.tokens.saturating_add(more.tokens);
        Self { tokens, usd: self.usd.saturating_add(more.usd) }
    }

    fn minus(self, less: Self) -> Self {
        let tokens = self.tokens.saturating_sub(less.tokens);
        Self { tokens, usd: self.usd.saturating_sub(less.usd) }
    }

    fn over(self, count: u64) -> Self {
        Self { tokens: self.tokens / count, usd: Usd::from_micros(self.usd.micros() / count) }
    }
}

/// Limits of what a run spends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpendingLimits {
    /// Most tokens.
    pub tokens: Option<u64>,
    /// Most money.
    pub usd: Option<Usd>,
    /// How far running agents may go beyond a limit, in hundredths.
    pub grace: u8,
    /// What an iteration is expected to spend before one has shown it.
    pub first_guess: Amount,
}

/// Price of a million tokens that is guessed where no price is listed.
const GUESSED_PRICE: Usd = Usd::from_micros(5_000_000);

impl SpendingLimits {
    /// Those of the settings. The first guess is priced like the dearest input that is listed.
    pub fn of(settings: &Settings) -> Self {
        let listed = settings.prices.values().map(|price| price.value.input).max();
        let price = listed.unwrap_or(GUESSED_PRICE);
        let tokens = settings.budget_first_guess.value;
        let micros = u128::from(tokens) * u128::from(price.micros()) / 1_000_000;
        Self {
            tokens: settings.budget_tokens.value,
            usd: settings.budget_usd.value,
            grace: settings.budget_grace.value,
            first_guess: Amount { tokens, usd: Usd::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)) },
        }
    }
}

/// What one iteration has spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Running {
    /// By agents of it that have ended.
    before: Amount,
    /// By the one that runs, as it tells.
    now: Amount,
}

impl Running {
    fn sum(self) -> Amount {
        self.before.plus(self.now)
    }
}

/// What a run has spent.
#[derive(Debug, Clone, Default)]
pub struct Spending {
    limits: SpendingLimits,
    running: BTreeMap<IterationId, Running>,
    ended: Amount,
    /// Ended iterations that show what one takes, and what they took.
    shown: u64,
    shown_sum: Amount,
    /// What is set aside for the planner while it is asked, and what it has told of.
    planner: Option<(Amount, Amount)>,
}

impl Spending {
    /// Nothing yet.
    pub fn new(limits: SpendingLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The run had spent this before its process died; so many iterations had shown what one takes, and took that.
    pub fn carry(&mut self, ended: Amount, (shown, shown_sum): (u64, Amount)) {
        self.ended = self.ended.plus(ended);
        self.shown += shown;
        self.shown_sum = self.shown_sum.plus(shown_sum);
    }

    /// Sets aside what an iteration is expected to spend.
    pub fn set_aside(&mut self, id: IterationId) {
        self.running.entry(id).or_default();
    }

    /// The running agent of an iteration tells what it has spent in all.
    pub fn tell(&mut self, id: IterationId, amount: Amount) {
        if let Some(running) = self.running.get_mut(&id) {
            running.now = amount;
        }
    }

    /// Tokens that the running agent of an iteration has told of.
    pub fn told(&self, id: IterationId) -> u64 {
        self.running.get(&id).map_or(0, |running| running.now.tokens)
    }

    /// Money that the running agent of an iteration has told of.
    pub fn told_usd(&self, id: IterationId) -> Usd {
        self.running.get(&id).map_or(Usd::default(), |running| running.now.usd)
    }

    /// What tokens are taken to cost where nobody knows it: as the first guess has it.
    pub fn guessed(&self, tokens: u64) -> Usd {
        let Amount { tokens: of, usd } = self.limits.first_guess;
        let micros = u128::from(tokens) * u128::from(usd.micros()) / u128::from(of.max(1));
        Usd::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// An agent of the iteration has ended, having spent this.
    pub fn agent_ended(&mut self, id: IterationId, amount: Amount) {
        if let Some(running) = self.running.get_mut(&id) {
            running.before = running.before.plus(amount);
            running.now = Amount::default();
        }
    }

    /// No agent of the iteration runs any more. `shows` says whether it went far enough to show what one takes.
    pub fn end(&mut self, id: IterationId, shows: bool) {
        let Some(running) = self.running.remove(&id) else { return };
        self.ended = self.ended.plus(running.sum());
        if shows {
            self.shown += 1;
            self.shown_sum = self.shown_sum.plus(running.sum());
        }
    }

    /// Sets aside what the planner may take; false, and nothing is, where the limits leave no room for it.
    pub fn set_aside_for_planner(&mut self, amount: Amount) -> bool {
        let expected = self.expected().plus(amount);
        let fits = self.limits.tokens.is_none_or(|limit| expected.tokens <= limit)
            && self.limits.usd.is_none_or(|limit| expected.usd <= limit);
        if fits {
            self.planner = Some((amount, Amount::default()));
        }
        fits
    }

    /// The planner tells what it has spent in all.
    pub fn planner_tells(&mut self, amount: Amount) {
        if let Some((_, told)) = &mut self.planner {
            *told = amount;
        }
    }

    /// The planner has told of so much.
    pub fn planner_told(&self) -> Amount {
        self.planner.map(|(_, told)| told).unwrap_or_default()
    }

    /// The planner has ended, having spent this.
    pub fn planner_ended(&mut self, amount: Amount) {
        if self.planner.take().is_some() {
            self.ended = self.ended.plus(amount);
        }
    }

    /// A helper has spent this.
    pub fn helper_ended(&mut self, amount: Amount) {
        self.ended = self.ended.plus(amount);
    }

    /// What was spent so far, by running agents and the planner too.
    pub fn spent(&self) -> Amount {
        let start = self.ended.plus(self.planner_told());
        self.running.values().fold(start, |sum, running| sum.plus(running.sum()))
    }

    /// What one iteration is expected to take: the mean so far.
    fn expected_of_one(&self) -> Amount {
        if self.shown == 0 { self.limits.first_guess } else { self.shown_sum.over(self.shown) }
    }

    /// What was spent, and what running iterations are still expected to spend.
    fn expected(&self) -> Amount {
        let one = self.expected_of_one();
        let planner = self.planner.map(|(aside, told)| aside.minus(told)).unwrap_or_default();
        let start = self.spent().plus(planner);
        self.running.values().fold(start, |sum, running| sum.plus(one.minus(running.sum())))
    }

    /// How many more iterations may begin now.
    pub fn room(&self) -> usize {
        let (expected, one) = (self.expected(), self.expected_of_one());
        let tokens = room_in(self.limits.tokens, expected.tokens, one.tokens);
        let micros = self.limits.usd.map(Usd::micros);
        tokens.min(room_in(micros, expected.usd.micros(), one.usd.micros()))
    }

    /// The limit that has been reached, if one has.
    pub fn exhausted(&self) -> Option<Exhausted> {
        let spent = self.spent();
        if self.limits.tokens.is_some_and(|limit| spent.tokens >= limit) {
            return Some(Exhausted::Tokens);
        }
        self.limits.usd.is_some_and(|limit| spent.usd >= limit).then_some(Exhausted::Usd)
    }

    /// A limit and its grace are used up: running agents are to be stopped.
    pub fn is_beyond_grace(&self) -> bool {
        let spent = self.spent();
        let is_beyond = |limit: u64, spent: u64| {
            let share = u128::from(limit) * u128::from(100 + u16::from(self.limits.grace));
            u128::from(spent) * 100 >= share
        };
        self.limits.tokens.is_some_and(|limit| is_beyond(limit, spent.tokens))
            || self.limits.usd.is_some_and(|limit| is_beyond(limit.micros(), spent.usd.micros()))
    }
}

/// Each one begins while something is left for it, and takes its part with it.
fn room_in(limit: Option<u64>, expected: u64, one: u64) -> usize {
    let Some(limit) = limit else { return usize::MAX };
    let left = limit.saturating_sub(expected);
    match (left, one) {
        (0, _) => 0,
        (_, 0) => usize::MAX,
        _ => usize::try_from(left.div_ceil(one)).unwrap_or(usize::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::WorkerId;

    fn id(worker: u16) -> IterationId {
        IterationId { worker: WorkerId(worker), iter: 1 }
    }

    fn tokens(tokens: u64) -> Amount {
        Amount { tokens, usd: Usd::default() }
    }

    fn limited(limit: u64, first_guess: u64) -> Spending {
        let limits =
            SpendingLimits { tokens: Some(limit), usd: None, grace: 10, first_guess: tokens(first_guess) };
        Spending::new(limits)
    }

    #[test]
    fn the_first_guess_is_set_aside_until_an_iteration_has_shown_what_one_takes() {
        let mut spending = limited(1000, 400);
        assert_eq!(spending.room(), 3);
        (0..2).for_each(|worker| spending.set_aside(id(worker)));
        assert_eq!(spending.room(), 1);
        spending.tell(id(0), tokens(150));
        assert_eq!((spending.spent().tokens, spending.room()), (150, 1));
        spending.agent_ended(id(0), tokens(100));
        spending.end(id(0), true);
        assert_eq!((spending.spent().tokens, spending.room()), (100, 8));
        spending.tell(id(1), tokens(500));
        assert_eq!(spending.room(), 4);
    }

    #[test]
    fn a_limit_below_the_first_guess_still_lets_one_begin() {
        let mut spending = limited(10, 400);
        assert_eq!(spending.room(), 1);
        spending.set_aside(id(0));
        assert_eq!(spending.room(), 0);
        assert_eq!(spending.exhausted(), None);
    }

    #[test]
    fn every_agent_of_an_iteration_counts() {
        let mut spending = limited(100, 0);
        spending.set_aside(id(0));
        spending.agent_ended(id(0), tokens(60));
        spending.tell(id(0), tokens(40));
        assert_eq!(spending.spent().tokens, 100);
        assert_eq!(spending.exhausted(), Some(Exhausted::Tokens));
        assert!(!spending.is_beyond_grace());
        spending.tell(id(0), tokens(50));
        assert!(spending.is_beyond_grace());
        spending.end(id(0), false);
        assert_eq!(spending.spent().tokens, 60 + 50);
    }

    #[test]
    fn the_planner_is_set_aside_for_and_what_it_takes_counts() {
        let mut spending = limited(1000, 400);
        spending.set_aside(id(0));
        assert!(!spending.set_aside_for_planner(tokens(601)), "an iteration is expected to take 400");
        assert!(spending.set_aside_for_planner(tokens(600)));
        assert_eq!(spending.room(), 0);
        spending.planner_tells(tokens(100));
        assert_eq!((spending.spent().tokens, spending.room()), (100, 0));
        spending.planner_ended(tokens(150));
        assert_eq!((spending.spent().tokens, spending.room()), (150, 2));
        spending.planner_ended(tokens(150));
        assert_eq!(spending.spent().tokens, 150, "it ends once");
        let mut unlimited = Spending::new(SpendingLimits::default());
        assert!(unlimited.set_aside_for_planner(tokens(u64::MAX)));
    }

    #[test]
    fn money_is_a_limit_of_its_own() {
        let usd = |text: &str| Usd::parse(text).unwrap();
        let first_guess = Amount { tokens: 0, usd: usd("0.4") };
        let limits = SpendingLimits { tokens: None, usd: Some(usd("1")), grace: 10, first_guess };
        let mut spending = Spending::new(limits);
        assert_eq!(spending.room(), 3);
        spending.set_aside(id(0));
        spending.tell(id(0), Amount { tokens: 5, usd: usd("1") });
        assert_eq!((spending.exhausted(), spending.is_beyond_grace()), (Some(Exhausted::Usd), false));
        spending.tell(id(0), Amount { tokens: 5, usd: usd("1.1") });
        assert!(spending.is_beyond_grace());
        let unlimited = Spending::new(SpendingLimits::default());
        assert_eq!((unlimited.room(), unlimited.exhausted()), (usize::MAX, None));
    }
}
