package apptest

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// What the app makes of the answers of a hub.
var (
	ErrAuth      = errors.New("not authorized")                  // HTTP 401
	ErrNetwork   = errors.New("network error")                   // no answer, or any other that is not 2xx
	ErrDecrypt   = errors.New("the payload cannot be decrypted") // of an answer that is 2xx
	ErrHandshake = errors.New("the answer is no handshake")
	ErrLogin     = errors.New("the app stays on the login screen")
	ErrQR        = errors.New("this is no code of a hub")
)

// A Remote is a hub behind HTTP, as the app of one phone talks to it. It is not for
// several goroutines at once.
type Remote struct {
	URL      string // without a slash at its end
	ClientID string
	Token    string       // of the login; none yet: ""
	Client   *http.Client // nil: the usual one
	// Opened is told what every answer held that was sealed; nil: nobody wants to know.
	Opened func(text []byte)

	HubID, HubName string // from the last handshake
	Provider       Provider
	key            []byte // of this session, agreed on with the last handshake
}

// A Provider is what the app keeps of whom it logged in.
type Provider struct {
	UserID, Name, Email, Role, ClinicID, ClinicName string
	Token                                           string // for other things than syncing
}

// ReadQR is the address in the text of a code, of which the app uses nothing else.
func ReadQR(code string) (url string, err error) {
	var qr map[string]any
	if err := json.Unmarshal([]byte(code), &qr); err != nil {
		return "", ErrQR
	}
	url, _ = qr["url"].(string)
	if qr["type"] != "sync_hub" || url == "" {
		return "", ErrQR
	}
	return url, nil
}

// Pair is what the app does with a code that was scanned: a handshake. What it knew of a
// login is gone.
func Pair(code, clientID string, client *http.Client) (*Remote, error) {
	url, err := ReadQR(code)
	if err != nil {
		return nil, err
	}
	r := &Remote{URL: url, ClientID: clientID, Client: client}
	return r, r.Handshake()
}

// Handshake agrees with the hub on a new key. The app does that before every sync.
func (r *Remote) Handshake() error {
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	var answer struct {
		HubPublicKey string `json:"hub_public_key"`
		HubID        string `json:"hub_id"`
		HubName      string `json:"hub_name"`
		Success      bool   `json:"success"`
	}
	if err := r.post("/rpc/handshake", map[string]string{
		"client_id":         r.ClientID,
		"client_public_key": base64.RawURLEncoding.EncodeToString(own.PublicKey().Bytes()),
	}, &answer); err != nil {
		return fmt.Errorf("%w: %s", ErrNetwork, err) // here 401 is to the app as any other
	}
	if !answer.Success || answer.HubPublicKey == "" || answer.HubID == "" {
		return ErrHandshake
	}
	public, err := base64.RawURLEncoding.DecodeString(answer.HubPublicKey)
	if err != nil {
		return fmt.Errorf("%w: its key is no base64url without padding", ErrHandshake)
	}
	hub, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	r.HubID, r.HubName = answer.HubID, answer.HubName
	r.key, err = SessionKey(own, hub, hub, own.PublicKey())
	return err
}

// Pull asks for what is new since a watermark.
func (r *Remote) Pull(lastPulledAt int64) ([]byte, error) {
	return r.call("query", "sync_pull", "params", map[string]any{"lastPulledAt": lastPulledAt})
}

// Push sends changes. Whatever the hub sealed, the app takes for its word that it has them.
func (r *Remote) Push(lastPulledAt int64, changes []byte) error {
	_, err := r.call("command", "sync_push", "data", map[string]any{"changes": json.RawMessage(changes), "lastPulledAt": lastPulledAt})
	return err
}

// Login logs in after a code was scanned, and keeps the token.
func (r *Remote) Login(email, password string) error {
	answer, err := r.call("command", "login", "data", map[string]any{"email": email, "password": password})
	if err != nil {
		return err
	}
	var p struct {
		Token      string `json:"token"`
		UserID     string `json:"user_id"`
		Name       string `json:"provider_name"`
		Email      string `json:"email"`
		Role       string `json:"role"`
		ClinicID   string `json:"clinic_id"`
		ClinicName string `json:"clinic_name"`
	}
	if err := json.Unmarshal(answer, &p); err != nil {
		return fmt.Errorf("%w: %w", ErrLogin, err)
	}
	if p.Email == "" {
		p.Email = email
	}
	if p.UserID == "" || p.Name == "" {
		return fmt.Errorf("%w: the answer names no user", ErrLogin)
	}
	r.Token = p.Token
	r.Provider = Provider{p.UserID, p.Name, p.Email, p.Role, p.ClinicID, p.ClinicName, p.Token}
	return nil
}

// call sends a command or a query and opens the answer. The app looks at the status and
// the payload alone.
func (r *Remote) call(role, name, inner string, data any) ([]byte, error) {
	if r.key == nil {
		if err := r.Handshake(); err != nil {
			return nil, err
		}
	}
	token := any(nil)
	if r.Token != "" {
		token = r.Token
	}
	payload, err := r.seal(role, map[string]any{role: name, inner: data, "token": token})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Payload string `json:"payload"`
	}
	if err := r.post("/rpc/"+role, map[string]string{"client_id": r.ClientID, "payload": payload}, &answer); err != nil {
		return nil, err
	}
	return r.open(role+"_response", answer.Payload)
}

func (r *Remote) seal(role string, message any) (payload string, err error) {
	nonce := make([]byte, nonceBytes)
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("make a nonce: %w", err)
	}
	return Seal(r.key, nonce, role, []byte(Stringify(message)))
}

// open opens an answer. JSON that JavaScript takes for false is none to the app.
func (r *Remote) open(role, payload string) ([]byte, error) {
	text, err := Open(r.key, role, payload)
	if err != nil {
		return nil, err
	}
	if r.Opened != nil {
		r.Opened(text)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, fmt.Errorf("%w: it holds no JSON", ErrDecrypt)
	}
	switch value {
	case nil, false, 0.0, "":
		return nil, fmt.Errorf("%w: it holds nothing", ErrDecrypt)
	}
	return text, nil
}

// post sends JSON and reads JSON.
func (r *Remote) post(path string, body, into any) error {
	resp, err := r.client().Post(r.URL+path, "application/json", bytes.NewReader([]byte(Stringify(body))))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNetwork, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return ErrAuth
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return fmt.Errorf("%w: %s", ErrNetwork, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("%w: read the answer: %w", ErrNetwork, err)
	}
	return nil
}

func (r *Remote) client() *http.Client {
	if r.Client == nil {
		return http.DefaultClient
	}
	return r.Client
}
