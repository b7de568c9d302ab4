package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"musafir/node/api"
)

// An appPhone does of the app what it takes to log in.
type appPhone struct {
	t       testing.TB
	url, id string
}

// post sends a document and gives the answer, which may be no good one.
func (p *appPhone) post(path string, body any) (status int, answer map[string]any) {
	p.t.Helper()
	b, err := json.Marshal(body)
	check(p.t, err)
	resp, err := http.Post(p.url+path, "application/json", bytes.NewReader(b))
	check(p.t, err)
	defer resp.Body.Close()
	b, err = io.ReadAll(resp.Body)
	check(p.t, err)
	mustUnmarshal(p.t, b, &answer)
	return resp.StatusCode, answer
}

// login shakes hands and logs in, and gives the status of that.
func (p *appPhone) login(email, password string) int {
	p.t.Helper()
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	check(p.t, err)
	status, hub := p.post("/rpc/handshake", map[string]string{"client_id": p.id, "client_public_key": base64.RawURLEncoding.EncodeToString(own.PublicKey().Bytes()), "device_name": "tablet"})
	if status != http.StatusOK || hub["success"] != true {
		p.t.Fatalf("the handshake: %d, %v", status, hub)
	}
	words, err := json.Marshal(map[string]any{"command": "login", "data": map[string]string{"email": email, "password": password}})
	check(p.t, err)
	status, _ = p.post("/rpc/command", map[string]string{"client_id": p.id, "payload": p.seal(own, hub["hub_public_key"].(string), words)})
	return status
}

// seal is for a hub whose key that is.
func (p *appPhone) seal(own *ecdh.PrivateKey, hub string, words []byte) string {
	p.t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(hub)
	check(p.t, err)
	theirs, err := ecdh.X25519().NewPublicKey(raw)
	check(p.t, err)
	shared, err := own.ECDH(theirs)
	check(p.t, err)
	key, err := hkdf.Key(sha256.New, shared, []byte("hikma-health-pairing-v1"), string(raw)+string(own.PublicKey().Bytes()), 32)
	check(p.t, err)
	block, err := aes.NewCipher(key)
	check(p.t, err)
	gcm, err := cipher.NewGCM(block)
	check(p.t, err)
	nonce := make([]byte, gcm.NonceSize())
	rand.Read(nonce) // never fails
	return base64.RawURLEncoding.EncodeToString(gcm.Seal(nonce, nonce, words, []byte("command")))
}

// phones is what the API says, through the command line.
func (d *daemon) phones() (p api.Phones) {
	d.t.Helper()
	mustUnmarshal(d.t, d.run("phone", "list", "--json"), &p)
	return p
}

// run gives what a command prints on the standard output.
func (d *daemon) run(args ...string) []byte {
	d.t.Helper()
	cmd := program(d.t, d.dir, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("%q: %v\n%s", args, err, errs.String())
	}
	return out
}

// From a camp with nothing in it to a phone that is let in, waits, or is shut out.
func TestPhoneIsLetIn(t *testing.T) {
	dir := initDevice(t)
	d := launch(t, dir, "up", "--http", "127.0.0.1:0", "--listen", freeListen, "--phones", "127.0.0.1:0")
	file := filepath.Join(t.TempDir(), "clinic.yaml")
	password := filepath.Join(t.TempDir(), "password")
	check(t, os.WriteFile(file, d.run("apply", "--example"), 0o600))
	check(t, os.WriteFile(password, []byte("camel river\n"), 0o600))
	d.run("apply", file, "--yes")
	d.run("user", "add", "--email", "amina@example.org", "--name", "Amina", "--role", "provider", "--password-file", password)

	first := &appPhone{t, d.phones().URL, "6b0f0c0e-2a55-4a3e-9f0a-5f5f6f6a7b01"}
	if got := first.login("amina@example.org", "tent"); got != http.StatusUnauthorized || len(d.phones().Phones) != 0 {
		t.Errorf("a wrong password: %d, %+v", got, d.phones())
	}
	if got := first.login("amina@example.org", "camel river"); got != http.StatusOK {
		t.Fatalf("the login: %d", got)
	}
	all := d.phones()
	if len(all.Phones) != 1 || all.Phones[0].ID != first.id || all.Phones[0].Name != "Amina" || all.Phones[0].Email != "amina@example.org" ||
		all.Phones[0].Phone != "tablet" || all.Phones[0].LastSync != "" || all.Phones[0].Revoked || all.Phones[0].Held == nil {
		t.Errorf("%+v", all)
	}

	d.run("phone", "--require-approval")
	d.run("phone", "approve", first.id)
	second := &appPhone{t, first.url, "6b0f0c0e-2a55-4a3e-9f0a-5f5f6f6a7b02"}
	if got := second.login("amina@example.org", "camel river"); got != http.StatusForbidden {
		t.Errorf("a phone that nobody approved: %d", got)
	}
	if got := string(d.run("phone", "list")); strings.Count(got, "waits for approval") != 1 || strings.Count(got, "let in") != 1 {
		t.Errorf("who waits:\n%s", got)
	}
	if got := string(d.run("phone", "approve", second.id)); got != "Amina <amina@example.org>, tablet: let in\n" {
		t.Errorf("approved: %q", got)
	}
	if got := second.login("amina@example.org", "camel river"); got != http.StatusOK {
		t.Errorf("a phone that was approved: %d", got)
	}

	if got := string(d.run("phone", "revoke", first.id)); got != "Amina <amina@example.org>, tablet: shut out\n" {
		t.Errorf("revoked: %q", got)
	}
	if got := first.login("amina@example.org", "camel river"); got == http.StatusOK {
		t.Error("a phone that was shut out logs in")
	}

	// The same when the device is down.
	d.end()
	if all := d.phones(); all.URL != "" || len(all.Phones) != 2 || !all.Phones[0].Revoked || all.Phones[1].Revoked || !all.RequireApproval {
		t.Errorf("down: %+v", all)
	}
	d.run("phone", "approve", first.id)
	if all := d.phones(); all.Phones[0].Revoked || !all.Phones[0].Approved {
		t.Errorf("approved while down: %+v", all)
	}
	if doc := string(d.run("export")); strings.Contains(doc, "_phones") {
		t.Errorf("the export has phones in it: %s", doc)
	}
}
