package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"musafir/node/clinic"
)

// TestReadme runs every command of the README, as they stand there, in a copy of
// the repository and on an empty machine's home. `go test ./...` is what runs this,
// `up` runs beside the others, on a port that is free, and following ends.
func TestReadme(t *testing.T) {
	notUnderRace(t)
	for _, tool := range []string{"bash", "curl", "go", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the README needs %s: %v", tool, err)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 4 {
		t.Fatalf("the README has %d blocks of commands, expected four or more", len(blocks))
	}
	var script strings.Builder
	script.WriteString("set -e\n")
	for _, b := range blocks {
		script.WriteString(b[1])
	}
	text := script.String()
	for _, change := range [][2]string{
		{"go test ./...\n", ""},
		{"./musafir up\n", "./musafir up --http 127.0.0.1:0 --listen /ip4/127.0.0.1/tcp/0 2>up.err & trap 'kill $(jobs -p)' EXIT\n" +
			"for i in $(seq 600); do test -f $XDG_DATA_HOME/musafir/run.json && break; sleep 0.05; done\n"},
		{"./musafir passphrase set\n", "echo 'tent camel river seven' >words && ./musafir passphrase set --new-passphrase-file words\n"}, // there is no terminal
		{"./musafir apply clinic.yaml\n", "./musafir apply clinic.yaml --yes\n"},                                                         // likewise
		{"./musafir user add ", "echo 'river goat' >password && ./musafir user add --password-file password "},                           // likewise
		{"./musafir phone\n", "./musafir phone --listen 127.0.0.1:0\n"},                                                                  // a free port
		{"~/.local/share/musafir", "$XDG_DATA_HOME/musafir"},
		{"~/musafir-tent", "$XDG_DATA_HOME/tent"},
		{"/ip4/0.0.0.0/tcp/0", freeListen},
		{"http://127.0.0.1:7667/v1", `$(sed 's/.*"http":"\([^"]*\)".*/\1/' $XDG_DATA_HOME/musafir/run.json)/v1`},
		{"curl -sN ", "timeout 3 curl -sN "},
		{"follow=true\"\n", "follow=true\" || test $? = 124\n"},
	} {
		if !strings.Contains(text, change[0]) {
			t.Fatalf("the README no longer has %q: change this test with it", change[0])
		}
		text = strings.ReplaceAll(text, change[0], change[1])
	}
	text = strings.ReplaceAll(text, "curl -s ", "curl -sf ")
	text = strings.ReplaceAll(text, "curl -sN ", "curl -sfN ")
	out := runIn(t, copyRepository(t), text)
	for _, want := range []string{
		"Nothing was lost", "Recovery key", `This device is "tent" in the camp "Camp 4"`, "given_name  Karim", `"value":"0171"`, `"conflicts":{}`, `"cursor"`, "dashboard  read", "registration desk",
		`OK: The other device of the camp is in touch: "tent".`,
		"New: clinic Camp clinic", "amina@example.org  Amina  provider  Camp clinic  may log in",
		"Phones reach this device at http://127.0.0.1:", `The QR code holds {"type":"sync_hub","url":"http://127.0.0.1:`, "No phone has logged in yet", "No row is held back", "No row names anything that is not there",
		"is locked with the new passphrase now",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the README's commands did not print %q:\n%s", want, out)
		}
	}
}

// The patients of the README are some that phones show: what the app does not know of them is
// seen by nobody there.
func TestReadmePatients(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	check(t, err)
	patients := clinic.TableOf("patients")
	n := 0
	for _, write := range regexp.MustCompile(`(?m)^.*(?:put patients \S+ |PUT \S*/patients/\S+ -d '\{"fields":).*$`).FindAllString(string(readme), -1) {
		named := map[string]bool{}
		for _, field := range regexp.MustCompile(`([a-z_]+)(?::?=|":")`).FindAllStringSubmatch(write, -1) {
			if named[field[1]] = true; patients.Column(field[1]) == nil {
				t.Errorf("phones show no %s: %s", field[1], write)
			}
		}
		if n++; !named["given_name"] || !named["surname"] {
			t.Errorf("on phones this patient has no name: %s", write)
		}
	}
	if n != 3 {
		t.Errorf("the README writes %d patients, expected 3: change this test with it", n)
	}
}

func copyRepository(t *testing.T) string {
	dir := t.TempDir()
	copying := exec.Command("bash", "-c", `tar --exclude=./.git --exclude=./musafir -cf - . | tar -xf - -C "$1"`, "bash", dir)
	copying.Dir = "../.."
	if out, err := copying.CombinedOutput(); err != nil {
		t.Fatalf("copy the repository: %v\n%s", err, out)
	}
	return dir
}

func runIn(t *testing.T, dir, script string) string {
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+filepath.Join(t.TempDir(), "share"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("the README's commands: %v\n%s", err, out.String())
	}
	return out.String()
}
