package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tokenText is a file with one token.
const tokenText = `{"version":1,"tokens":[{"name":"n","sha256":"68dfddc2aeb9a9fd46223b0d785c9a4bd0c6a362541ae0b8a31a74454c18098e",` +
	`"scope":"read","origin":"https://a.example","made":"2026-11-23T08:51:18Z"}]}`

func TestParseAppTokens(t *testing.T) {
	f, err := parseAppTokens([]byte(tokenText))
	if err != nil || len(f.Tokens) != 1 || f.Tokens[0].Scope != scopeRead || f.Tokens[0].Hash[0] != 0x68 {
		t.Fatalf("%+v %v", f, err)
	}
	one := tokenText[strings.Index(tokenText, `{"name"`):strings.LastIndex(tokenText, `]`)]
	many := `{"version":1,"tokens":[` + strings.Repeat(one+",", appTokensMax) + one + "]}"
	for i := range appTokensMax {
		many = strings.Replace(many, `"n"`, fmt.Sprintf(`"%d"`, i), 1)
	}
	for name, change := range map[string][2]string{
		"nothing":            {tokenText, ""},
		"half of it":         {tokenText, tokenText[:100]},
		"more behind it":     {"]}", "]}{}"},
		"no version":         {`"version":1,`, ""},
		"version 0":          {`"version":1`, `"version":0`},
		"an unknown member":  {`"version":1`, `"version":1,"x":1`},
		"a member twice":     {`"scope":"read"`, `"scope":"read","scope":"write"`},
		"another case":       {`"scope"`, `"Scope"`},
		"no name":            {`"name":"n",`, ""},
		"an unknown scope":   {`"read"`, `"admin"`},
		"no scope":           {`"scope":"read",`, ""},
		"a short hash":       {"098e", "09"},
		"no hash":            {"68dfddc2aeb9a9fd46223b0d785c9a4bd0c6a362541ae0b8a31a74454c18098e", strings.Repeat("0", 64)},
		"an origin too wide": {"https://a.example", "*"},
		"an odd origin":      {"https://a.example", "https://A.example"},
		"no time":            {`,"made":"2026-11-23T08:51:18Z"`, ""},
		"a name twice":       {one, one + "," + one},
		"too many":           {tokenText, many},
	} {
		text := strings.Replace(tokenText, change[0], change[1], 1)
		if text == tokenText {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := parseAppTokens([]byte(text)); !errors.Is(err, errTokensDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := strings.Replace(tokenText, `"version":1`, `"version":2,"more":true`, 1)
	if _, err := parseAppTokens([]byte(newer)); !errors.Is(err, errTokensNewer) {
		t.Errorf("a newer one: %v", err)
	}
}

// What is written is read, and no token is in it.
func TestAppTokensAreKept(t *testing.T) {
	dir := t.TempDir()
	web, err := newApp("web", false, "http://localhost:80", true)
	check(t, err)
	token, hash := newAppToken()
	web.Hash = hash
	for _, change := range []func(*tokenFile) error{
		func(f *tokenFile) error { f.Tokens = append(f.Tokens, web); return nil },
		func(*tokenFile) error { return nil },
	} {
		check(t, changeAppTokens(t.Context(), dir, change))
	}
	refused := errors.New("refused")
	if err := changeAppTokens(t.Context(), dir, func(f *tokenFile) error { f.Tokens = nil; return refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	f, err := readAppTokens(dir)
	check(t, err)
	if len(f.Tokens) != 1 || f.Tokens[0] != web || web.Origin != "http://localhost" {
		t.Errorf("%+v, want %+v", f.Tokens, web)
	}
	b, err := os.ReadFile(filepath.Join(dir, appTokensName))
	check(t, err)
	if bytes.Contains(b, []byte(token)) {
		t.Errorf("the token is in the file: %s", b)
	}
}

// Several processes add tokens at once, and none is lost.
func TestAddTokensAtOnce(t *testing.T) {
	dir := initDevice(t)
	const n = 8
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if out, err := program(t, dir, "token", "add", fmt.Sprint("app", i)).CombinedOutput(); err != nil {
				t.Errorf("app%d: %v\n%s", i, err, out)
			}
		})
	}
	all.Wait()
	f, err := readAppTokens(dir)
	check(t, err)
	if len(f.Tokens) != n {
		t.Errorf("%d tokens of %d", len(f.Tokens), n)
	}
}
