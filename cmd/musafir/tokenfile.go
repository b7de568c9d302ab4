package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"          // strict: unknown and double members are errors
	"github.com/go-json-experiment/json/jsontext" // its text
	"github.com/gofrs/flock"                      // locks on files, on each system in its way

	"musafir/crdt"
	"musafir/store"
)

const (
	appTokensName = "api-tokens"
	appTokensLock = ".api-tokens.lock" // held while the file is changed
	appTokensMax  = 100
	appTokenBytes = 32
	appTokenForm  = "musafir_" // by which people, and programs that look for secrets, know one
)

// A tokenFile is the file of the apps' tokens. It has their hashes only.
type tokenFile struct {
	Version int        `json:"version"`
	Tokens  []appToken `json:"tokens"`
}

const tokenFileVersion = 1

type appToken struct {
	Name   string    `json:"name"`
	Hash   tokenHash `json:"sha256"`
	Scope  string    `json:"scope"`
	Origin string    `json:"origin"` // "" if it names none
	Made   time.Time `json:"made"`
}

// What an app may.
const (
	scopeRead  = "read"
	scopeWrite = "write" // and read
)

// newAppToken draws a token, which is shown once, and its hash, which is kept.
func newAppToken() (token string, hash tokenHash) {
	secret := make([]byte, appTokenBytes)
	rand.Read(secret) // never fails
	token = appTokenForm + base64.RawURLEncoding.EncodeToString(secret)
	return token, sha256.Sum256([]byte(token))
}

// A tokenHash is written in hexadecimal digits.
type tokenHash [sha256.Size]byte

func (h tokenHash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

func (h *tokenHash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return errors.New("not a hash")
	}
	copy(h[:], b)
	return nil
}

// index is where a name stands, -1 if it does not.
func (f *tokenFile) index(name string) int {
	return slices.IndexFunc(f.Tokens, func(t appToken) bool { return t.Name == name })
}

// readAppTokens reads the file of a directory; there need be none.
func readAppTokens(dir string) (*tokenFile, error) {
	b, err := appTokensText(dir)
	if err != nil {
		return nil, err
	}
	return openAppTokens(dir, b)
}

// appTokensText is what the file holds, nil if there is none.
func appTokensText(dir string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, appTokensName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the tokens of apps: %w", err)
	}
	return b, nil // an empty file is not nil: it is damaged
}

// openAppTokens takes what the file of a directory holds.
func openAppTokens(dir string, b []byte) (*tokenFile, error) {
	if b == nil {
		return &tokenFile{Version: tokenFileVersion}, nil
	}
	f, err := parseAppTokens(b)
	if err != nil {
		return nil, withHint(fmt.Errorf("%s %w, so no app is let in", filepath.Join(dir, appTokensName), err),
			"The device's own token goes on working. Move the file away and give each app a new token: musafir token add NAME")
	}
	return f, nil
}

var (
	errTokensDamaged = errors.New("is damaged")
	errTokensNewer   = errors.New("was written by a newer version of musafir")
)

// parseAppTokens takes a file only if all of it is right. What it says of one that is
// not quotes nothing of it.
func parseAppTokens(b []byte) (*tokenFile, error) {
	var v struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(b, &v) == nil && v.Version > tokenFileVersion {
		return nil, errTokensNewer
	}
	f := &tokenFile{}
	if json.Unmarshal(b, f, json.RejectUnknownMembers(true)) != nil || f.Version != tokenFileVersion || len(f.Tokens) > appTokensMax {
		return nil, errTokensDamaged
	}
	for i := range f.Tokens {
		if t := &f.Tokens[i]; !t.valid() || f.index(t.Name) != i {
			return nil, errTokensDamaged
		}
	}
	return f, nil
}

func (t *appToken) valid() bool {
	origin, err := parseOrigin(t.Origin)
	return crdt.ValidateName("name", t.Name) == nil && t.Hash != tokenHash{} && !t.Made.IsZero() &&
		(t.Scope == scopeRead || t.Scope == scopeWrite) && (t.Origin == "" || err == nil && origin == t.Origin)
}

func (f *tokenFile) write(dir string) error {
	b, err := json.Marshal(f, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	return store.WriteFile(filepath.Join(dir, appTokensName), append(b, '\n'), 0o600)
}

// changeAppTokens reads, changes and writes the file, while others that want to change
// it wait.
func changeAppTokens(ctx context.Context, dir string, change func(*tokenFile) error) (err error) {
	lock := flock.New(filepath.Join(dir, appTokensLock))
	waiting, cancel := context.WithTimeout(ctx, startingWait)
	defer cancel()
	if _, err := lock.TryLockContext(waiting, startingPoll); err != nil {
		return fmt.Errorf("wait for another musafir that changes the tokens of apps: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	f, err := readAppTokens(dir)
	if err == nil {
		err = change(f)
	}
	if err != nil {
		return err
	}
	return f.write(dir)
}
