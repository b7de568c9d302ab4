package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// shortestCredential is how many letters the app wants of an address and of a password
// before it asks anybody.
const shortestCredential = 4

// SignIn logs in as the app does when it no longer knows that it was paired, such as after
// somebody signed out: over HTTP as it stands, first at one address and then at another.
// The token that syncing uses stays what it was.
func (r *Remote) SignIn(email, password string) error {
	if len(email) < shortestCredential || len(password) < shortestCredential {
		return fmt.Errorf("%w: the address or the password is too short", ErrLogin)
	}
	status, user, err := r.postCredentials("/api/login", email, password)
	if err != nil {
		return err
	}
	if _, failed := user["message"]; status != http.StatusOK || failed {
		return fmt.Errorf("%w: HTTP %d, or the answer has a message", ErrLogin, status)
	}
	text := func(key string) string { s, _ := user[key].(string); return s }
	r.Provider = Provider{UserID: text("id"), Name: text("name"), Email: text("email"), Role: text("role"),
		ClinicID: text("clinic_id"), ClinicName: text("clinic_name")}
	// Without this second token the app goes on all the same.
	if status, answer, err := r.postCredentials("/api/auth/sign-in", email, password); err == nil && status/100 == 2 {
		r.Provider.Token, _ = answer["token"].(string)
	}
	return nil
}

func (r *Remote) postCredentials(path, email, password string) (status int, answer map[string]any, err error) {
	body := Stringify(map[string]string{"email": email, "password": password})
	resp, err := r.client().Post(r.URL+path, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrNetwork, err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil { // before it looks at the status
		return resp.StatusCode, nil, fmt.Errorf("%w: HTTP %d without JSON", ErrLogin, resp.StatusCode)
	}
	return resp.StatusCode, answer, nil
}

// Heartbeat is what the settings show as a green dot, asked every five seconds.
func (r *Remote) Heartbeat() bool {
	resp, err := r.client().Get(r.URL + "/rpc/heartbeat")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode/100 == 2
}

// Head asks whether anybody is there, as the app does with the address of a cloud. Any
// status is good enough for it.
func (r *Remote) Head() (status int, err error) {
	resp, err := r.client().Head(r.URL + "/")
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNetwork, err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}
