"""The switches that the search for causes was not written with: the half that is held out.

Written from language manuals and public reports by somebody who had not seen the search. Whoever
works on the search does not look for its wording here, and adds nothing here.
"""

from __future__ import annotations

from support.ports.switch import table

SECOND_HALF = table("""
exit-limit-spreads-nan | edit | exit_price | the limit is NaN where the market's part of it is
    Java's Math.max and Math.min, Go's math.Max: NaN where either is, Python's max: the first
exit-takes-own-distance | edit | exit_price | the trade's own entry distance, not the base one
    one accessor for a setting with overrides, used everywhere; reducer.md warns of it
whole-volume-through-int64 | edit | compute_order_volume | whole volumes beyond int64 are -2^63
    Go: a conversion out of range depends on the machine; amd64 gives the smallest int64
least-volume-asked-positively | edit | compute_order_volume | NaN is not enough: no order
    IEEE 754: a guard turned round, a >= b for not (a < b), is another one for NaN
rounds-the-shortest-text | edit | rnd | rounds the decimal that a double prints as
    Java: BigDecimal.valueOf(double) takes Double.toString, new BigDecimal(double) the exact value
backoff-in-32-bits | edit | backoff_multiplier | the losses beyond the start wrap at 2^31
    Java and C#: int is 32 bits and wraps without a word (JLS 15.18.2)
books-with-fused-operations | edit | _book | net and settled are rounded once, not twice
    Go specification, "Floating-point operators": x*y + z may be fused (arm64, ppc64, s390x)
cooldown-skips-nan | edit | count_loss | a cooldown that is NaN gives way to the loss's pause
    Rust: f64::max ignores a NaN, whichever of the two it is
cooldown-holds-at-its-end | edit | place_follow_up | no entry in the instant that a cooldown ends
    java.time: !now.isAfter(until) written for now.isBefore(until)
follow-up-sees-the-state-before | edit | _exit_filled | the next entry knows no loss of this fill
    Haskell: state' for state'', which -Wname-shadowing was made to warn of
removes-the-first-of-an-id | edit | _without | only the first order of an id goes
    Java's List.remove(Object), C#'s List.Remove, Haskell's Data.List.deleteBy: the first one only
an-id-finds-the-last | edit | find_order | the last order of an id is the one that filled
    Haskell's Map.fromList and Java's HashMap.put: of equal keys the last one stays
eviction-compares-whole-distances | edit | _ranks_before | distances less than 1 apart are equal
    Java: a Comparator that returns (int) (b - a), where Double.compare was meant
nan-distances-panic | condition | nan distance | ends where a distance to be compared is NaN
    Rust: sort_by(|a, b| a.partial_cmp(b).unwrap()) panics on NaN
evicts-in-rank-order | edit | _evict | evicted ones are booked furthest first, not as stored
    a loop over the sorted list instead of the stored one; Python's core looks ids up in a set
no-slots-is-no-limit | edit | orphan_exit | no slots for recoveries are as many as one likes
    Go's SetMaxOpenConns and many pools: 0 or less is no limit
assumed-fill-falls-back-once | edit | _assumed_fill | the entry's price is never fallen back on
    Java 8's Optional.orElse: there was no second fall-back before Optional.or of Java 9
drift-divided-last | edit | _price_tick | times 100 first, then divided by the market
    the usual spelling of a percent; IEEE 754 operations are not associative (Goldberg, 1991)
refresh-goes-on | edit | _price_tick | the entries after the first stale one are looked at too
    Go specification: break in a switch leaves the switch, not the loop round it
refreshes-start-anew-too-late | edit | _refresh | a pause that ran out is seen after counting
    a statement moved down below the count that it has to go before
refreshes-compared-before-counting | edit | _refresh | the limit is held against the old count
    C#, Java: if (count++ >= most) compares what was there before
placed-before-cancelled | edit | _refresh | the new entry stands before the cancelled one
    Haskell: actions consed in front, and nobody reversed them
ages-are-never-negative | edit | _s1_timeout | an age below nothing is nothing
    Rust: Instant::duration_since gives zero for what is later, saturating_sub likewise
s2-lasts-whole-seconds | edit | _s2_timeout | fractions of a second do not count
    Java's Duration.getSeconds and ChronoUnit.SECONDS.between: whole seconds
distances-from-the-ratio | edit | _s2_timeout | distances are price / market - 1
    how relative changes are usually spelt (pandas' pct_change); rounding is not algebra
unknown-recovery-clears-the-mark | edit | _recovery_fill | the S2 mark goes for an unknown id, too
    Go, Java: a finally or defer that tidies up on every way out
orders-checked-rule-by-rule | edit | check_invariants | one rule for all orders, then the next rule
    loops interchanged: a list comprehension for each rule instead of a loop over the orders
named-doubles-in-texts | reading | text | "NaN", "Infinity" and "-Infinity" are doubles
    .NET: JsonNumberHandling.AllowNamedFloatingPointLiterals; protobuf's JSON mapping
too-large-is-infinite | reading | huge number | a number too large for a double is infinite
    Java's Double.parseDouble("1e400"), .NET from Core 3.0: Infinity; Python's int: OverflowError
ints-keep-their-low-bits | reading | big int | ints beyond 64 bits keep their low 64
    Gson: LazilyParsedNumber.longValue ends in BigDecimal.longValue; Haskell's fromIntegral
texts-are-flags | reading | text | "true" and "false" are flags
    Jackson coerces scalars from texts unless ALLOW_COERCION_OF_SCALARS is off
scalars-are-texts | reading | number for a text | a number or flag is taken for its text
    Jackson's StringDeserializer takes any scalar; Gson's JsonPrimitive.getAsString
objects-are-lists | reading | object for a list | an object is taken for the list of its values
    PHP: json_decode makes arrays of both; Lua: a table is both
empty-direction-is-null | reading | empty text | an empty direction is null
    Jackson: CoercionAction.AsNull for EmptyString; Oracle keeps no empty texts
null-lists-are-empty | reading | null list | null is an empty list
    Go: encoding/json sets a slice to nil for null, and nil is an empty slice
unreadable-entries-are-dropped | reading | lists | a list entry that cannot be read is left out
    Haskell: mapMaybe (parseMaybe parseJSON) for traverse parseJSON
unreadable-events-are-tried-on | reading | event | an unreadable event is tried as the next kind
    serde: #[serde(untagged)] takes the first variant that can be read
keys-in-any-case | reading | keys | Market_Price is market_price, and the later one counts
    Go: encoding/json matches keys without regard to case, the last one wins
regime-in-turkish | reading | regime_at_entry | the capital of i has a dot: "ranging" is none
    Java's String.toUpperCase and .NET's ToUpper in a Turkish locale; JDK manual of toUpperCase
regime-of-a-flag-is-null | reading | regime_at_entry | true is none
    aeson: withScientific and a case for texts; a Bool is a constructor of its own
mode-in-small-letters-only | reading | mode_source | BALANCE is none
    serde and System.Text.Json match names of an enum with regard to case
mode-trimmed-as-javascript | reading | mode_source | U+FEFF is trimmed, U+001C to U+001F are not
    ECMAScript's String.prototype.trim; .NET's String.Trim leaves U+001C to U+001F as well
odd-directions-are-refused | condition | last_refresh_direction | must be up or down
    Rust, Haskell: an enum with two variants for a field that happened to have two texts
both-profits-are-refused | condition | profit_pct | the old and the new name at once are refused
    serde: an alias beside the name itself is "duplicate field"
unknown-keys-are-refused | condition | unknown key | a key that is not known is refused
    Jackson: FAIL_ON_UNKNOWN_PROPERTIES is on by default; serde's deny_unknown_fields
sizes-need-both | condition | order_sizes | sizes without A or without B are refused
    serde: a struct of two fields for a map of two keys, "missing field"
unsafe-ints-are-refused | condition | big int | ints of 2^53 and more are refused
    JavaScript: Number.isSafeInteger, which schema libraries ask for every int
counters-are-unsigned | condition | negative counter | the state's own counters are never negative
    Rust: usize and u64 for what counts, "invalid value: integer `-1`, expected u64"
timestamps-are-durations | condition | timestamp | ends on a time that is negative or too large
    Rust: Duration::from_secs_f64 panics on what is negative, not finite or overflows
lines-end-at-4-kib | condition | long request | a request of more than 4 KiB is refused, cut off
    Go: bufio.Reader.ReadLine gives 4096 bytes and isPrefix, which is easily overlooked
odd-doubles-written-as-texts | writing | infinity and NaN | written as texts
    .NET: AllowNamedFloatingPointLiterals; Json.NET's FloatFormatHandling.String; protobuf
question-marks-beyond-ascii | writing | text | letters beyond ASCII come out as ?
    Java before 18, .NET: a default charset of ASCII puts ? for what it cannot encode
empty-txid-left-out | writing | txid | an empty txid is left out
    Go: `json:",omitempty"` leaves out empty texts
""")
DEEP = frozenset(
    {
        "assumed-fill-falls-back-once",
        "distances-from-the-ratio",
        "drift-divided-last",
        "unknown-recovery-clears-the-mark",
    }
)
"""Met by fewer than one of 20,000 steps: two or three times in the 68,000 that seeds 7 and 8 of
`fuzz` make in all profiles. Each of the others is met more often there."""
