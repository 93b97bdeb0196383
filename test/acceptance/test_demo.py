"""`make demo`: the flights example on its real data."""
import re
import subprocess
import sys

from instance import ROOT, clean_environment


def test_the_flights_demo_counts_every_message_and_gives_three_answers():
    result = subprocess.run([sys.executable, str(ROOT / "tools/run-example"), "flights", "--demo"], timeout=180,
                            capture_output=True, text=True, cwd=ROOT, env=clean_environment(), check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    text = result.stdout
    answers = re.findall(r"  curl '(http[^']+)'\n((?:  \S.*=.*\n)+)", text)
    assert len(answers) == 3 and len({url for url, _ in answers}) == 3, f"three answers with rows are promised:\n{text}"
    assert "336776" in text.replace(",", "") and "26115" in text.replace(",", "")
    assert "every count equals the data set's" in text
