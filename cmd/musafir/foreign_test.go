package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A run.json that a killed daemon left may name a port that another program has by
// now. That program must learn neither the token nor a record, and the write must
// not be taken for done.
func TestForeignServerLearnsNothing(t *testing.T) {
	dir := initDevice(t)
	token, err := apiToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var heard strings.Builder
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = r.Write(&heard)
		_, _ = w.Write([]byte(`{"status":"ok","proof":"00","records":[{}]}`))
	}))
	defer foreign.Close()
	if err := (&runFile{HTTP: foreign.URL, Listen: []string{}, PID: 1}).write(dir); err != nil {
		t.Fatal(err)
	}
	if out, err := program(t, dir, "put", "patients", "p", "name=Rahima").CombinedOutput(); err != nil {
		t.Fatalf("put: %v\n%s", err, out)
	}
	out, err := program(t, dir, "get", "patients", "p").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Rahima") {
		t.Errorf("the record was not stored here: %v\n%s", err, out)
	}
	mu.Lock()
	defer mu.Unlock()
	if heard.Len() == 0 {
		t.Error("the foreign server was not asked at all: this test shows nothing")
	}
	for _, secret := range []string{token, "Rahima", "patients"} {
		if strings.Contains(heard.String(), secret) {
			t.Errorf("the foreign server was told %q", secret)
		}
	}
}

// Several who make the same directory at once end with one camp.
func TestInitAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 6 {
		wg.Go(func() {
			if program(t, dir, "init", "--camp", "c", "--device", "d").Run() == nil {
				mu.Lock()
				made++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("%d camps were made", made)
	}
	if out, err := program(t, dir, "put", "c", "r", "a=1").CombinedOutput(); err != nil {
		t.Errorf("the directory does not work: %v\n%s", err, out)
	}
}

// An export that is interrupted is no backup, and says so.
func TestInterruptedExport(t *testing.T) {
	d := start(t, initDevice(t))
	if err := d.importMany(20_000); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := program(t, d.dir, "export")
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := r.Read(make([]byte, 100)); err != nil { // it is under way, and the pipe is full
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if err := cmd.Wait(); err == nil {
		t.Error("an export that was cut off ended with 0")
	}
}
