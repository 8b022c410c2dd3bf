// With the fetch that Node has by itself.

import { ApiError, NoConnection, play } from './scenes.mjs';

await play('fetch', async ({ method, url, headers, body }) => {
  let response;
  try {
    response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  } catch (error) {
    // Ports that browsers call unsafe are refused here before anything is sent, which comes to the same.
    if (error instanceof TypeError) throw new NoConnection(error.message);
    throw error;
  }
  const parsed = await response.json();
  if (!response.ok) throw new ApiError(response.status, parsed);
  return parsed;
});
