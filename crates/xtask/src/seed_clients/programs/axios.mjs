// With axios, whose interceptor makes one kind of error of all.

import axios from 'axios';
import { ApiError, NoConnection, play } from './scenes.mjs';

const api = axios.create({ timeout: 30_000 });
api.interceptors.response.use(
  (response) => response,
  (error) => {
    if (error.response) return Promise.reject(new ApiError(error.response.status, error.response.data));
    if (error.request) return Promise.reject(new NoConnection(error.message));
    return Promise.reject(error);
  },
);

await play('axios', async ({ method, url, headers, body }) => {
  const { data } = await api.request({ method, url, headers, data: body });
  return data;
});
