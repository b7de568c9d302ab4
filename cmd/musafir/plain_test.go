package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// namesMin is how long a name must be so that random bytes do not spell it.
const namesMin = 5

// TestNothingInPlain looks for the surnames and phone numbers of patients in every file
// that two devices write: data, run.json, logs and temporary files, while they are up,
// after a kill, and after a clean end.
func TestNothingInPlain(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	records := unzipped(t, demoRecords)
	x := newTeam(t, 2)
	d := x.daemons[0]
	resp, err := d.send(context.Background(), http.MethodPost, "/v1/import", bytes.NewReader(records), nil)
	check(t, err)
	check(t, resp.Body.Close())
	words := secretWords(t, records)
	_, err = d.call(context.Background(), http.MethodGet, "/v1/records/patients?where=surname%3D"+words[0], nil)
	check(t, err)
	x.settle()
	places := append([]string{tmp}, x.dirs...)
	searchFor(t, words, places...)
	d.kill()
	places = append(places, logOf(t, d))
	searchFor(t, words, places...)
	x.up(0)
	x.settle()
	for _, d := range x.daemons {
		d.end()
		places = append(places, logOf(t, d))
	}
	looked := searchFor(t, words, places...)
	t.Logf("looked for %d words in %d bytes", len(words), looked)
	if len(words) < 20 || looked < 1<<20 {
		t.Error("that was not much")
	}
	if n := wordsIn(t, words, fileWith(t, string(records))); n == 0 {
		t.Error("the words are not found where they are")
	}
}

func unzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	check(t, err)
	all, err := io.ReadAll(z)
	check(t, err)
	return all
}

// secretWords are the surnames and phone numbers of all patients.
func secretWords(t *testing.T, records []byte) (words []string) {
	t.Helper()
	for line := range bytes.Lines(records) {
		var r struct {
			Fields struct{ Surname, Phone string }
		}
		check(t, json.Unmarshal(line, &r))
		for _, w := range []string{r.Fields.Surname, r.Fields.Phone} {
			if len(w) >= namesMin {
				words = append(words, w)
			}
		}
	}
	return words
}

// logOf is a file with what a daemon that has ended said.
func logOf(t *testing.T, d *daemon) string {
	t.Helper()
	return fileWith(t, d.errs.String())
}

// searchFor fails where one of the words stands in a file, and gives the bytes read.
func searchFor(t *testing.T, words []string, places ...string) (looked int64) {
	t.Helper()
	for _, place := range places {
		check(t, filepath.WalkDir(place, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // files come and go under a running database
			}
			if err != nil || e.IsDir() || e.Name() == "ballast" {
				return err
			}
			if info, err := e.Info(); err == nil {
				looked += info.Size()
			}
			if n := wordsIn(t, words, path); n > 0 {
				t.Errorf("%d of the words stand in plain in %s", n, path)
			}
			return nil
		}))
	}
	return looked
}

func wordsIn(t *testing.T, words []string, path string) (n int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	check(t, err)
	for _, w := range words {
		if bytes.Contains(b, []byte(w)) {
			n++
		}
	}
	return n
}
