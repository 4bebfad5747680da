// A link in a mail carries its key in the fragment, which no browser sends and no server logs. This moves the key into
// the form and out of the address bar; without scripts it is pasted from the mail.
"use strict";
const field = document.querySelector("input[name=key]");
if (field && location.hash.length > 1) {
  field.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
