// Package hikma serves phones with the Hikma Health app: the protocol by which the app,
// unchanged, syncs with a hub on the same network. Over plain HTTP a phone agrees on a
// key (X25519), and what it asks and is answered then goes sealed (AES-256-GCM).
//
// The package lets phones in and carries what they pull and push. What a phone is sent,
// and what its push changes, it asks of a [Sync].
//
// Whoever logs in gets a token that every device of the camp takes, until the phone is
// revoked, or the user is disabled, is deleted or gets another password. Which phones
// there are stands in records, which come to all devices.
//
// An answer in a 200 is whole: the app takes whatever it can open for success. An error
// is another status, and an answer that breaks off ends the connection.
//
// No value of a record gets into a log, nor does an address or a password.
package hikma
