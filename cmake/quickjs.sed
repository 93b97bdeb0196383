# QuickJS 0.16.2 asks the interrupt handler between the script's own steps only. These let it ask within
# built-in functions too, which could otherwise run for hours on a few bytes of script
# ("a".repeat(1e7).indexOf(...), Array(2**32-1).sort()), and more often; and keep BigInts to sizes
# whose arithmetic is quick. src/script/hostile_test.cc fails without them.
1i int afluente_script_over_time(void);
s/^#define JS_INTERRUPT_COUNTER_INIT 10000$/#define JS_INTERRUPT_COUNTER_INIT 8/
s/^#define JS_BIGINT_MAX_SIZE ((1024 \* 1024)/#define JS_BIGINT_MAX_SIZE ((64 * 1024)/
s/^    prop = JS_NewAtomInt64(ctx, idx);$/    prop = js_poll_interrupts(ctx) ? JS_ATOM_NULL : JS_NewAtomInt64(ctx, idx);/
/^static int string_cmp(/,/^}/ s/^    int i, c1, c2;$/&\n    if (len > 16 \&\& afluente_script_over_time()) return 0;/
/^int unicode_normalize(/,/^}/ s/^            cc = unicode_get_cc(buf\[starter_pos\]);$/&\n            if (afluente_script_over_time()) goto next;/
/^static void sort_cc(/,/^}/ s/^                cc1 = unicode_get_cc(ch1);$/&\n                if (afluente_script_over_time()) return;/
# What js_bigint_pow had computed leaks when the result gets too large.
/^static JSBigInt \*js_bigint_pow(/,/^}/ s/^\( *\)if (!r1)$/\1if (!r1 \&\& (js_free(ctx, r), 1))/
