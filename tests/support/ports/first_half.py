"""The switches that the search for causes was written with."""

from __future__ import annotations

from support.ports.switch import table

FIRST_HALF = table("""
exit-price-by-scaling | edit | exit_price | exits rounded by scaling, else as it is
prices-whole-without-decimals | edit | rnd | prices whole where decimals <= 0
volume-half-up | edit | compute_order_volume | whole volumes rounded half up
volume-truncated | edit | compute_order_volume | volumes with decimals cut off
volume-of-infinity | edit | compute_order_volume | an infinite volume is no error
own-distance-or-base | edit | entry_distance | `own or base` takes negative distances
own-size-or-common | edit | effective_size | a size of 0 counts as none
percent-by-multiplying | edit | make_entry | times 0.01 for divided by 100
net-in-another-order | edit | _book | fees taken off one after the other
fees-booked-twice | edit | _book | the entry's fee is added again
break-even-is-a-loss | edit | count_loss | net <= 0 counts as a loss
pause-in-minutes | edit | after_reentry_pause | the pause is taken for minutes
eviction-ignores-age | edit | _ranks_before | equal distance goes to the lower id
eviction-youngest-id | edit | _ranks_before | the last tie goes to the higher id
eviction-in-single | edit | _ids_to_evict | distances as 32-bit floats
eviction-fee-in-single | edit | _evict | the assumed fee as a 32-bit float
counters-wrap | edit | increment | counters wrap at 2^63
cancel-keeps-the-mark | edit | _recovery_cancel | the S2 mark stays
drift-at-the-limit | edit | _price_tick | drift at the limit refreshes
age-from-placing | edit | _s1_timeout | age counts from placing first
equal-distance-takes-the-buy | edit | _s2_timeout | of equal distances the buy goes
null-is-missing | reading | null | null takes the default
null-is-nan | reading | null | null is NaN where a double is asked for
texts-are-numbers | reading | text | texts that are numbers are taken
flags-are-numbers | reading | bool | true is 1, false is 0
numbers-are-flags | reading | number | a number is taken for a flag
fractions-are-cut | reading | fraction | 2.5 is taken as the int 2
ints-through-doubles | reading | big int | ints lose digits beyond 2^53
any-case | reading | case | BUY is buy
texts-begin-with-numbers | reading | text | "1.5x" is 1.5 where a number is asked for
texts-are-trimmed | reading | space | " buy" is buy
old-profit-name-unknown | reading | profit_pct | the old name profit_pct is not followed
settled-starts-at-zero | reading | total_settled_usd | no fall-back to total_profit
missing-is-zero | reading | missing | needed fields that are missing are 0
regime-any-digits | reading | regime_at_entry | Unicode digits, signs and 02 are read
regime-rounds | reading | regime_at_entry | 1.9 is 2
null-is-empty-text | reading | null | null is "" where a text is asked for
regime-trims-ascii | reading | regime_at_entry | only ASCII space is trimmed
size-keys-any-case | reading | order_sizes | the sizes' keys may be a and b
subnormals-are-zero | reading | subnormal | subnormal doubles are read as 0
odd-entries-are-refused | condition | not an object | list entries must be objects
whole-doubles-are-refused | condition | whole double | 2.0 is no int
nan-is-refused | condition | nan | NaN is refused wherever a double is
infinite-config-is-refused | condition | config infinity | an infinity in the config is refused
any-infinity-is-refused | condition | infinity | an infinity anywhere is refused
negative-decimals-are-refused | condition | price_decimals | price_decimals < 0 is refused
texts-beyond-ascii-crash | condition | text | ends on a text beyond ASCII
three-recoveries-are-refused | condition | recovery_orders | three recoveries are too many
infinities-written-as-null | writing | infinity | infinities come out as null
nan-written-as-null | writing | nan | NaN comes out as null
written-with-fifteen-digits | writing | double | numbers come out with 15 digits
""")
