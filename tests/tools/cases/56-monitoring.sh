# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# Monitoring: metrics, alert rules, the dashboard, and the plugin's output, for simulated
# snapshots (top-fake).  Guests test real ones.

fake=$built/top-fake
monitoring=$top/Documentation/monitoring
for words in '--prometheus --json' '--prometheus --critical 90' '--critical 90 --json' '--critical 101' '--warn -1' "--output $work/metrics"; do
	# shellcheck disable=SC2086 # several words
	check "status: refuses $words" exits 2 "$dmsnap" status $words
done

check "metrics" exits 1 "$fake" 2 prometheus
cp "$work/out" "$work/metrics"
# metric SAMPLE: succeeds if the metrics have this line
metric() { grep -qxF -- "$1" "$work/metrics" || { grep "^${1%%{*}" "$work/metrics" | head -n 5; return 1; }; }
check "metrics: words" metric 'dmsnap_snapshot_info{name="vg-fills",vg="vg",lv="fills",target="snapshot",origin="vg-origin",cow="vg-fills-cow",store="P",driver="dmsnap"} 1'
check "metrics: a state" metric 'dmsnap_snapshot_state{name="vg-lost",state="invalid"} 1'
check "metrics: and no other state" metric 'dmsnap_snapshot_state{name="vg-lost",state="active"} 0'
check "metrics: bytes" metric 'dmsnap_cow_size_bytes{name="vg-fills"} 10485760'
lost_has_no_sizes() { ! grep -q '^dmsnap_cow.*vg-lost' "$work/metrics"; }
check "metrics: no sizes of a lost snapshot" lost_has_no_sizes
check "metrics: what a merge has left" metric 'dmsnap_merge_left_bytes{name="vg-merges"} 10485760'
check "metrics: a counter" metric 'dmsnap_copied_chunks_total{name="vg-fills"} 90'
check "metrics: chunks copied ahead" metric 'dmsnap_ahead_chunks_total{name="vg-fills"} 12'
check "metrics: a histogram is cumulative" metric 'dmsnap_copy_duration_seconds_bucket{name="vg-fills",le="0.000128"} 10'
check "metrics: the next bucket adds to it" metric 'dmsnap_copy_duration_seconds_bucket{name="vg-fills",le="0.000256"} 39'
check "metrics: the last bucket has all" metric 'dmsnap_copy_duration_seconds_bucket{name="vg-fills",le="+Inf"} 40'
check "metrics: the bucket of zero" metric 'dmsnap_commit_duration_seconds_bucket{name="vg-fills",le="1e-06"} 1'
check "metrics: an origin's values come once" metric 'dmsnap_origin_write_hold_seconds_count{origin="vg-origin"} 3'
# parsed: Prometheus' own parser accepts the metrics, and each family has a help text, a known
# type and no duplicate samples
parsed()
{
	# Debian's Python, which finds Debian's packages
	/usr/bin/python3 - "$work/metrics" <<-'END'
		import sys
		from prometheus_client.parser import text_string_to_metric_families
		families = list(text_string_to_metric_families(open(sys.argv[1]).read()))
		seen = set()
		for family in families:
		    assert family.documentation and family.type in ("gauge", "counter", "histogram"), family
		    for sample in family.samples:
		        key = (sample.name, tuple(sorted(sample.labels.items())))
		        assert key not in seen, key
		        seen.add(key)
		    if family.type == "histogram":
		        last = {}
		        for sample in family.samples:
		            if sample.name.endswith("_bucket"):
		                who = sample.labels.get("name") or sample.labels.get("origin")
		                assert sample.value >= last.get(who, 0), sample
		                last[who] = sample.value
		assert len(families) > 15
	END
}
check "metrics: Prometheus' library parses them" parsed
if promtool=$("$top/tools/lib/promtool"); then
	linted() { "$promtool" check metrics < "$work/metrics"; }
	check "metrics: promtool accepts them" linted
	check "alert rules: promtool accepts them" exits 0 "$promtool" check rules "$monitoring/alerts.yml"
	check "alert rules: raise the right alerts" exits 0 "$promtool" test rules "$monitoring/alerts-test.yml"
else
	echo "3 skipped: no promtool"
fi
# asked_for FILE: succeeds if the file uses only metrics that exist
asked_for()
{
	python3 - "$work/metrics" "$@" <<-'END'
		import json, re, sys
		metrics = set(re.findall(r"^(dmsnap_\w+)\{", open(sys.argv[1]).read(), re.M))
		families = set(re.findall(r"^# TYPE (\w+)", open(sys.argv[1]).read(), re.M))
		for path in sys.argv[2:]:
		    asked = set(re.findall(r"\bdmsnap_\w+", open(path).read()))
		    assert asked, path
		    assert asked <= metrics | families, asked - metrics - families
	END
}
check "alert rules: use existing metrics" asked_for "$monitoring/alerts.yml"
check "dashboard: uses existing metrics" asked_for "$monitoring/grafana-dashboard.json"
dashboard_is_whole()
{
	python3 - "$monitoring/grafana-dashboard.json" <<-'END'
		import json, re, sys
		board = json.load(open(sys.argv[1]))
		variables = {v["name"] for v in board["templating"]["list"]}
		panels = board["panels"]
		assert len({p["id"] for p in panels}) == len(panels) >= 10
		cells = set()
		for panel in panels:
		    assert panel["title"] and panel["description"], panel["id"]
		    assert panel["fieldConfig"]["defaults"]["unit"], panel["id"]
		    at = panel["gridPos"]
		    assert at["x"] + at["w"] <= 24
		    for x in range(at["x"], at["x"] + at["w"]):
		        for y in range(at["y"], at["y"] + at["h"]):
		            assert (x, y) not in cells, ("panels overlap", panel["id"])
		            cells.add((x, y))
		    for target in panel["targets"]:
		        assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables, target
		        assert target["expr"].count("(") == target["expr"].count(")")
	END
}
check "dashboard: panels have titles and units, and do not overlap" dashboard_is_whole

# A file that exists is replaced
check "metrics: to a file" exits 1 "$fake" 0 prometheus "$work/dmsnap.prom"
check "metrics: everyone may read the file" [ "$(stat -c %a "$work/dmsnap.prom")" = 644 ]
echo old > "$work/dmsnap.prom"
inode=$(stat -c %i "$work/dmsnap.prom")
check "metrics: to an existing file" exits 1 "$fake" 0 prometheus "$work/dmsnap.prom"
check "metrics: the file is replaced" [ "$(stat -c %i "$work/dmsnap.prom")" != "$inode" ]
check "metrics: the new file is complete" grep -q '^dmsnap_cow_size_bytes' "$work/dmsnap.prom"
no_room()
{
	cp "$work/dmsnap.prom" "$work/before.prom"
	(ulimit -f 1 && trap '' XFSZ && exits 2 "$fake" 100 prometheus "$work/dmsnap.prom") && cmp "$work/before.prom" "$work/dmsnap.prom"
}
check "metrics: without room, the old file stays" no_room

check "plugin: an invalid snapshot is critical" exits 2 "$fake" 0 plugin 80 95
check "plugin: names it, with performance data" says "^DMSNAP CRITICAL - vg/lost is invalid \\| 'vg/fills'=0\\.1%;80;95;0;100\$"
check "plugin: without privileges" exits 3 "${powerless[@]}" "$dmsnap" status --critical 95
check "plugin: without privileges, the state is unknown" says '^DMSNAP UNKNOWN - '
check "plugin: no such snapshot" exits 3 "$dmsnap" status --critical 95 no-such-device

# --- units ----------------------------------------------------------------------

if command -v systemd-analyze > /dev/null; then
	mkdir -p "$work/units" "$work/sbin"
	cp "$dmsnap" "$work/sbin/dmsnap"
	for unit in "$top"/tools/dmsnap/systemd/*; do
		sed "s,@SBINDIR@,$work/sbin," "$unit" > "$work/units/${unit##*/}"
	done
	check "units: systemd-analyze accepts them" exits 0 systemd-analyze verify --man=no "$work"/units/*
	check "units: without a warning" [ ! -s "$work/err" ]
else
	echo "FAIL: systemd-analyze is not installed. On Debian: apt install systemd"
	failed=$((failed + 1))
fi
