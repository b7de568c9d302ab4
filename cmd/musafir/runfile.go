package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"musafir/store"
)

const (
	runName   = "run.json"
	tokenName = "api-token"
)

// A runFile says where a running daemon listens. It is written once everything
// answers, and removed at a clean end.
type runFile struct {
	HTTP   string   `json:"http"`
	Listen []string `json:"listen"`
	Phones string   `json:"phones,omitempty"`
	PID    int      `json:"pid"`
	Data   string   `json:"data"` // the directory that it serves

	mu sync.Mutex // of a daemon that writes it
}

// isOf tells whether the file speaks of that directory, and was not copied along with
// it.
func (r *runFile) isOf(dir string) bool {
	served, err := os.Stat(r.Data)
	here, err2 := os.Stat(dir)
	return err != nil || err2 != nil || os.SameFile(served, here)
}

var errNoToken = errors.New("there is no API token")

func readToken(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, tokenName))
	token := strings.TrimSpace(string(b))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(token) < 32 {
		return "", errNoToken
	}
	if err != nil {
		return "", fmt.Errorf("read the API token: %w", err)
	}
	return token, nil
}

func readRunFile(dir string) (*runFile, error) {
	b, err := os.ReadFile(filepath.Join(dir, runName))
	if err != nil {
		return nil, err
	}
	r := &runFile{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, runName), err)
	}
	return r, nil
}

// movePhones writes the file with another place where phones are served.
func (r *runFile) movePhones(dir, url string) error {
	r.mu.Lock()
	r.Phones = url
	r.mu.Unlock()
	return r.write(dir)
}

func (r *runFile) write(dir string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return store.WriteFile(filepath.Join(dir, runName), append(b, '\n'), 0o600)
}

// apiToken is the secret that opens the API of a directory; it is made at the
// first use, by whoever has the store open.
func apiToken(dir string) (string, error) {
	token, err := readToken(dir)
	if err == nil || !errors.Is(err, errNoToken) {
		return token, err
	}
	return newOwnToken(dir)
}

// newOwnToken draws that secret; an older one ends.
func newOwnToken(dir string) (string, error) {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	token := hex.EncodeToString(secret)
	return token, store.WriteFile(filepath.Join(dir, tokenName), []byte(token+"\n"), 0o600)
}
