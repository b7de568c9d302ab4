package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A daemon goes by what the file holds now, and tells its log once of what is wrong.
func TestAppReaderFollowsTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, appTokensName)
	var log bytes.Buffer
	r := &appReader{dir: dir, log: slog.New(slog.NewTextHandler(&log, nil))}
	write := strings.Replace(tokenText, `"read"`, `"write"`, 1)
	for i, step := range []struct {
		text   string // "none": no file
		apps   int
		warned int // so far
	}{
		{"none", 0, 0}, {tokenText, 1, 0}, {write, 1, 0}, {"none", 0, 0}, {"", 0, 1}, {"{", 0, 1}, {tokenText, 1, 1}, {"{", 0, 2}, {tokenText, 1, 2},
	} {
		check(t, os.RemoveAll(path))
		if step.text != "none" {
			check(t, os.WriteFile(path, []byte(step.text), 0o600))
		}
		for range 2 {
			apps := r.read()
			if len(apps) != step.apps || len(apps) == 1 && (apps[0].ReadOnly != (step.text == tokenText) || apps[0].Origin != "https://a.example") {
				t.Errorf("step %d: %+v", i, apps)
			}
		}
		if got := strings.Count(log.String(), "WARN"); got != step.warned {
			t.Errorf("step %d: %d warnings:\n%s", i, got, log.String())
		}
	}
}
